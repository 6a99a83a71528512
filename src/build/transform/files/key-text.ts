import type { DialectName } from './definition.js';

/**
 * Surrogate keys: md5 of the canonical key text, its first 15 hex digits as a bigint (60 bits). The text is the parts in order,
 * joined by U+001F; null is \N; inside a part a backslash is doubled and U+001F is written \x1f; numbers, dates and booleans as SQL
 * prints them; timestamps (marked `timestamp` before the expression) as YYYY-MM-DDTHH:MM:SS.ffffffZ. The same on every engine.
 * The backslash is chr(92), because a quoted one is one character on DuckDB and PostgreSQL and the begin of an escape on Spark.
 */
export const keySql = (parts: readonly string[], dialect: DialectName = 'duckdb'): string => {
  const hex = `substr(md5(${parts.map((part) => partSql(part, dialect)).join(' || chr(31) || ')}), 1, 15)`;
  switch (dialect) {
    case 'duckdb':
      return `('0x' || ${hex})::bigint`;
    case 'postgres':
      return `('x' || ${hex})::bit(60)::bigint`;
    case 'spark':
      return `CAST(conv(${hex}, 16, 10) AS bigint)`;
  }
};

const timestampSql = (expression: string, dialect: DialectName): string => {
  switch (dialect) {
    case 'duckdb':
      return `strftime((${expression}) AT TIME ZONE 'UTC', '%Y-%m-%dT%H:%M:%S.%fZ')`;
    case 'postgres':
      return `to_char((${expression}) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`;
    case 'spark':
      // The session's zone is UTC.
      return `concat(date_format(${expression}, 'yyyy-MM-dd'), 'T', date_format(${expression}, 'HH:mm:ss.SSSSSS'), 'Z')`;
  }
};

const partSql = (part: string, dialect: DialectName): string => {
  const timestamp = /^timestamp\s+(.*)$/s.exec(part);
  const type = dialect === 'spark' ? 'string' : 'varchar';
  const text = timestamp?.[1] ? timestampSql(timestamp[1], dialect) : `CAST(${part} AS ${type})`;
  const escaped = `replace(replace(${text}, chr(92), chr(92) || chr(92)), chr(31), chr(92) || 'x1f')`;
  return `coalesce(${escaped}, chr(92) || 'N')`;
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
