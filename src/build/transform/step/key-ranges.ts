import { parseDecimal } from '../../../query/index.js';
import type { AddFile } from '../../../store/delta/index.js';
import type { ContractColumn, Transform } from '../files/definition.js';

/** A table as it will be published, by its files: what a check need not look at can be left out. */
export interface TableFiles {
  /** Of all files, by the ledger. */
  readonly rows: number;
  /** `partition` undefined: of no partition that this table has. */
  readonly files: readonly { readonly add: AddFile; readonly partition: string | undefined }[];
  /** Some of the files as a relation of DuckDB. */
  relation(adds: readonly AddFile[]): string;
}

/** Least and greatest value in a form that tells which of two is the greater, as the values' own order does. */
interface Range {
  readonly least: Bound;
  readonly greatest: Bound;
}
type Bound = bigint | string | Buffer;

const below = (a: Bound, b: Bound): boolean => {
  if (Buffer.isBuffer(a) && Buffer.isBuffer(b)) return Buffer.compare(a, b) < 0;
  return typeof a === typeof b && !Buffer.isBuffer(a) && !Buffer.isBuffer(b) && a < b;
};

const DATE = /^\d{4}-\d\d-\d\d$/;
const INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

/**
 * A bound of a column's type; undefined where we are not sure what it says. Text is told apart by its bytes, as the engine does. Times
 * may be cut to the millisecond on both sides: of two that differ even so, the lower one is the lower one.
 */
const boundOf = ({ type }: ContractColumn, text: unknown): Bound | undefined => {
  if (typeof text !== 'string') return undefined;
  switch (type.kind) {
    case 'integer':
    case 'bigint':
      return /^-?\d+$/.test(text) ? BigInt(text) : undefined;
    case 'decimal':
      return parseDecimal(text, type.scale) ?? undefined;
    case 'date':
      return DATE.test(text) ? text : undefined;
    case 'timestamp':
      return INSTANT.test(text) ? text : undefined;
    case 'string':
      return Buffer.from(text, 'utf8');
    default:
      return undefined;
  }
};

const TOKEN = /"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*/g;
type Values = Readonly<Record<string, unknown>>;

/** Statistics of the log with every number as its own text; undefined where they are missing or no JSON. */
const statistics = (
  stats: string | undefined,
): { readonly minValues?: Values; readonly maxValues?: Values } | undefined => {
  if (stats === undefined) return undefined;
  try {
    return JSON.parse(stats.replaceAll(TOKEN, (token) => (token.startsWith('"') ? token : `"${token}"`)));
  } catch {
    return undefined;
  }
};

/** Ranges of a file's columns, as far as its statistics tell them. */
const rangesOf = (add: AddFile, columns: readonly ContractColumn[]): ReadonlyMap<string, Range> => {
  const found = statistics(add.stats);
  return new Map(
    columns.flatMap((column): [string, Range][] => {
      const least = boundOf(column, found?.minValues?.[column.name]);
      const greatest = boundOf(column, found?.maxValues?.[column.name]);
      return least === undefined || greatest === undefined ? [] : [[column.name, { least, greatest }]];
    }),
  );
};

/** Whether two files may hold a row with the same key: false only where the ranges of some column of it do not meet. */
const mayShare = (key: readonly string[], a: ReadonlyMap<string, Range>, b: ReadonlyMap<string, Range>): boolean =>
  key.every((column) => {
    const [one, other] = [a.get(column), b.get(column)];
    return !one || !other || !(below(one.greatest, other.least) || below(other.greatest, one.least));
  });

/**
 * The files that may hold a key of the changed partitions, those of these partitions among them. Where the key holds the partition
 * column, rows of two partitions never share one. Elsewhere files are left out by the least and greatest values that the log has of
 * them; one without such values may hold any key.
 */
export const filesWithKey = (
  transform: Transform,
  key: readonly string[],
  table: TableFiles,
  changed: ReadonlySet<string>,
): readonly AddFile[] => {
  const own: AddFile[] = [];
  const others: AddFile[] = [];
  for (const { add, partition } of table.files)
    (partition !== undefined && changed.has(partition) ? own : others).push(add);
  if (transform.partition && key.includes(transform.partition.column)) return own;
  const columns = transform.columns.filter(({ name }) => key.includes(name));
  const ranges = own.map((add) => rangesOf(add, columns));
  return [
    ...own,
    ...others.filter((add) => {
      const of = rangesOf(add, columns);
      return ranges.some((one) => mayShare(key, one, of));
    }),
  ];
};
