/** An answer as the REST surface encodes it: the command line prints what it got there, or the same form made in process. */
export interface PlainAnswer {
  readonly columns: readonly { readonly name: string; readonly type: string; readonly unit?: string }[];
  readonly rows: readonly (readonly (string | number | boolean | null)[])[];
  readonly provenance: Readonly<Record<string, unknown>>;
}

const RIGHT = /^(integer|bigint|double|decimal)/;

/** Columns aligned, numbers to the right, null as an empty cell; the member's last parts as headings when they are unambiguous. */
export const asTable = (answer: PlainAnswer): string => {
  const short = answer.columns.map((c) => c.name.split('.').slice(1).join('.') || c.name);
  const heads = new Set(short).size === short.length ? short : answer.columns.map((c) => c.name);
  return table(
    heads,
    answer.rows,
    answer.columns.map((c) => RIGHT.test(c.type)),
  );
};

/** Any rows under headings. `right[i]` aligns a column to the right. */
export const table = (
  heads: readonly string[],
  rows: readonly (readonly unknown[])[],
  right: readonly boolean[] = [],
): string => {
  const cells = rows.map((row) => heads.map((_, i) => cell(row[i])));
  const widths = heads.map((head, i) => Math.max(width(head), ...cells.map((row) => width(row[i] ?? ''))));
  const line = (row: readonly string[]) =>
    row
      .map((text, i) => {
        const gap = ' '.repeat((widths[i] ?? 0) - width(text));
        return right[i] ? gap + text : text + gap;
      })
      .join('  ')
      .trimEnd();
  return `${[line(heads), line(widths.map((w) => '-'.repeat(w))), ...cells.map(line)].join('\n')}\n`;
};

const cell = (value: unknown): string =>
  value === null || value === undefined ? '' : String(value).replaceAll(/[\n\r\t]/g, ' ');
const width = (text: string): number => [...text].length;

/** RFC 4180 with a header; null is nothing, empty text is `""`. */
export const asCsv = (answer: PlainAnswer): string => {
  const field = (value: string | number | boolean | null) => {
    if (value === null) return '';
    const text = String(value);
    return text === '' || /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  return [answer.columns.map((c) => c.name), ...answer.rows].map((row) => `${row.map(field).join(',')}\r\n`).join('');
};

/** Sizes for people: `12.3 MB`. */
export const size = (bytes: number): string => {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let at = 0;
  let n = bytes;
  while (n >= 1000 && at < units.length - 1) {
    n /= 1000;
    at += 1;
  }
  return `${at === 0 ? n : n.toFixed(1)} ${units[at]}`;
};

/** What separates the parts of a failing key, as people read it. */
export const keyText = (key: string): string => key.replaceAll('\u001f', ' | ');
