/**
 * Surrogate keys: md5 of the canonical key text, its first 15 hex digits as a bigint (60 bits). The text is the parts in order,
 * joined by U+001F; null is \N; inside a part a backslash is doubled and U+001F is written \x1f; numbers, dates and booleans as SQL
 * prints them; timestamps (marked `timestamp` before the expression) as YYYY-MM-DDTHH:MM:SS.ffffffZ. The same on every engine.
 */
export const keySql = (parts: readonly string[]): string =>
  `('0x' || substr(md5(${parts.map(partSql).join(' || chr(31) || ')}), 1, 15))::bigint`;

const partSql = (part: string): string => {
  const timestamp = /^timestamp\s+(.*)$/s.exec(part);
  const text = timestamp?.[1]
    ? `strftime((${timestamp[1]}) AT TIME ZONE 'UTC', '%Y-%m-%dT%H:%M:%S.%fZ')`
    : `CAST(${part} AS varchar)`;
  return `coalesce(replace(replace(${text}, '\\', '\\\\'), chr(31), '\\x1f'), '\\N')`;
};

/** Splits arguments at the commas that stand outside of brackets and quotes. */
export const splitArguments = (text: string): string[] => {
  const parts: string[] = [];
  let depth = 0;
  let quote = '';
  let part = '';
  for (const character of text) {
    if (quote !== '') quote = character === quote ? '' : quote;
    else if (character === "'" || character === '"') quote = character;
    else if (character === '(' || character === '[') depth += 1;
    else if (character === ')' || character === ']') depth -= 1;
    if (character === ',' && depth === 0 && quote === '') {
      parts.push(part.trim());
      part = '';
    } else part += character;
  }
  return [...parts, part.trim()];
};
