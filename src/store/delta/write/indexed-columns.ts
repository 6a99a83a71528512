import type { DeltaField } from '../types.js';

/** How many columns have statistics: the protocol's default of `delta.dataSkippingNumIndexedCols`. */
const INDEXED = 32;

/** Columns without others in them, in the schema's order. A list or a map counts as one. */
const leaves = (fields: readonly DeltaField[], above: readonly string[] = []): readonly (readonly string[])[] =>
  fields.flatMap(({ name, type }) => {
    const path = [...above, name];
    return typeof type !== 'string' && type.type === 'struct' ? leaves(type.fields, path) : [path];
  });

/** Names of `delta.dataSkippingStatsColumns`: separated by commas, quoted by backticks where they hold other signs. */
const namedColumns = (text: string): readonly (readonly string[])[] =>
  [...text.matchAll(/(?:`(?:[^`]|``)+`|[^,`])+/g)].map(([column]) =>
    [...column.trim().matchAll(/`((?:[^`]|``)+)`|([^.`]+)/g)].map(
      ([, quoted, plain]) => quoted?.replaceAll('``', '`') ?? (plain ?? '').trim(),
    ),
  );

const startsWith = (path: readonly string[], start: readonly string[]): boolean =>
  start.every((name, i) => path[i]?.toLowerCase() === name.toLowerCase());

/** Says which columns have statistics, by the table's properties: those that are named, else the first ones. */
export const indexedColumns = (
  fields: readonly DeltaField[],
  configuration: Readonly<Record<string, string>>,
): ((path: readonly string[]) => boolean) => {
  const named = configuration['delta.dataSkippingStatsColumns'];
  if (named !== undefined) {
    const columns = namedColumns(named);
    return (path) => columns.some((column) => startsWith(path, column));
  }
  const text = configuration['delta.dataSkippingNumIndexedCols'] ?? '';
  const count = /^-?\d{1,9}$/.test(text) ? Number(text) : INDEXED;
  if (count < 0) return () => true;
  const first = new Set(
    leaves(fields)
      .slice(0, count)
      .map((path) => JSON.stringify(path)),
  );
  return (path) => first.has(JSON.stringify(path));
};
