import type { Cell } from './cells.js';

const MOST = 20;
const NULL = 'null';

/** How two tables differ, row by row, in any order. Undefined: they do not. `key` are the places of the columns that tell rows apart. */
export const difference = (
  columns: readonly string[],
  key: readonly number[],
  expected: readonly (readonly Cell[])[],
  actual: readonly (readonly Cell[])[],
): string | undefined => {
  const left = new Map<string, (readonly Cell[])[]>();
  for (const row of expected) {
    const text = JSON.stringify(row);
    left.set(text, [...(left.get(text) ?? []), row]);
  }
  const unexpected: (readonly Cell[])[] = [];
  for (const row of actual) if (left.get(JSON.stringify(row))?.pop() === undefined) unexpected.push(row);
  const missing = [...left.values()].flat();
  if (missing.length === 0 && unexpected.length === 0) return undefined;
  const keyOf = (row: readonly Cell[]) => JSON.stringify(key.map((i) => row[i] ?? null));
  const different: string[] = [];
  for (const row of key.length === 0 ? [] : [...missing]) {
    const at = unexpected.findIndex((other) => keyOf(other) === keyOf(row));
    const other = unexpected[at];
    if (!other) continue;
    unexpected.splice(at, 1);
    missing.splice(missing.indexOf(row), 1);
    const wrong = columns.flatMap((name, i) =>
      row[i] === other[i] ? [] : [`${name} is ${shown(other[i])}, expected ${shown(row[i])}`],
    );
    different.push(`${named(columns, key, row)}: ${wrong.join('; ')}`);
  }
  const all = columns.map((_, i) => i);
  return [
    `${expected.length} rows expected, ${actual.length} found`,
    ...listed(
      'missing',
      missing.map((row) => named(columns, all, row)),
    ),
    ...listed(
      'unexpected',
      unexpected.map((row) => named(columns, all, row)),
    ),
    ...listed('different', different),
  ].join('\n');
};

const shown = (cell: Cell | undefined): string => (cell === null || cell === undefined ? NULL : JSON.stringify(cell));
const named = (columns: readonly string[], at: readonly number[], row: readonly Cell[]): string =>
  at.map((i) => `${columns[i]}=${shown(row[i])}`).join(' ');

const listed = (what: string, lines: readonly string[]): readonly string[] => [
  ...lines.slice(0, MOST).map((line) => `  ${what.padEnd(10)}  ${line}`),
  ...(lines.length > MOST ? [`  ${what.padEnd(10)}  ... and ${lines.length - MOST} more`] : []),
];
