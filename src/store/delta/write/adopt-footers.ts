import { compareText, parseDecimal, parseType } from '../../../query/index.js';
import type { EngineOptions, EngineValue, ParquetEngine } from '../parquet-engine.js';
import { parquetFiles } from '../scan/parquet-files.js';
import type { DeltaField, DeltaSchema, DeltaType } from '../types.js';
import { type ColumnStatistics, statKey } from './stats.js';

/** What the footer of a Parquet file says. */
export interface Footer {
  readonly rows: bigint;
  /** Bytes. */
  readonly size: number;
  /** By `statKey`. */
  readonly columns: ReadonlyMap<string, ColumnStatistics>;
}

const textOf = (value: EngineValue | undefined): string | undefined => (typeof value === 'string' ? value : undefined);

const leaf = (fields: readonly DeltaField[], path: readonly string[]): DeltaType | undefined => {
  const [name, ...rest] = path;
  const type = fields.find((f) => f.name === name)?.type;
  if (rest.length === 0) return typeof type === 'string' ? type : undefined;
  return typeof type === 'object' && type.type === 'struct' ? leaf(type.fields, rest) : undefined;
};

const PLAIN_YEAR = /^\d{4}-/;
type Order = (a: string, b: string) => number;
const byNumber =
  (read: (text: string) => bigint | undefined): Order =>
  (a, b) => {
    const [x, y] = [read(a), read(b)];
    return x === undefined || y === undefined ? Number.NaN : x < y ? -1 : x > y ? 1 : 0;
  };
const INTEGERS = new Set(['byte', 'short', 'integer', 'long']);
const TIMES = new Set(['date', 'timestamp', 'timestamp_ntz']);

/** The order of a type's values in the engine's text of them; NaN where two have none. */
const orderOf = (type: string): Order | undefined => {
  if (INTEGERS.has(type)) return byNumber((text) => (/^-?\d+$/.test(text) ? BigInt(text) : undefined));
  if (type === 'string') return compareText;
  // Text of years with four digits sorts as the times do: a fraction follows where there is one, and "+" is below ".".
  if (TIMES.has(type)) return (a, b) => (PLAIN_YEAR.test(a) && PLAIN_YEAR.test(b) ? compareText(a, b) : Number.NaN);
  const decimal = parseType(type);
  return decimal?.kind === 'decimal' ? byNumber((text) => parseDecimal(text, decimal.scale)) : undefined;
};

interface Chunk {
  readonly min: string | undefined;
  readonly max: string | undefined;
  readonly nulls: string | undefined;
  readonly empty: boolean;
}

/** The bound of several row groups; undefined when one of them has none, or they cannot be compared. */
const bound = (order: Order, chunks: readonly Chunk[], side: 'min' | 'max'): string | undefined => {
  let found: string | undefined;
  for (const chunk of chunks) {
    if (chunk.empty) continue;
    const next = chunk[side];
    if (next === undefined) return undefined;
    const compared = order(next, found ?? next);
    if (Number.isNaN(compared)) return undefined;
    if (found === undefined || (side === 'min' ? compared < 0 : compared > 0)) found = next;
  }
  return found;
};

const statisticsOf = (type: string, chunks: readonly Chunk[]): ColumnStatistics => {
  const order = orderOf(type);
  const counted = chunks.every(({ nulls }) => nulls !== undefined && /^\d+$/.test(nulls));
  return {
    min: order && bound(order, chunks, 'min'),
    max: order && bound(order, chunks, 'max'),
    nulls: counted ? String(chunks.reduce((sum, { nulls }) => sum + BigInt(nulls ?? '0'), 0n)) : undefined,
    // A footer does not say whether there are NaN, which are above every bound for those who read the log.
    hasNan: type === 'float' || type === 'double',
  };
};

/** Footers by the location of their file. Errors: `engine-failed`, `cancelled`. */
export const readFooters = async (
  engine: ParquetEngine,
  schema: DeltaSchema,
  locations: readonly string[],
  options: EngineOptions,
): Promise<ReadonlyMap<string, Footer>> => {
  const list = parquetFiles(locations);
  const files = await engine.query(
    `SELECT file_name, num_rows::VARCHAR AS row_count, file_size_bytes::VARCHAR AS bytes FROM parquet_file_metadata(${list})`,
    options,
  );
  const chunks = await engine.query(
    `SELECT file_name, path_in_schema, stats_min_value AS low, stats_max_value AS high, stats_null_count::VARCHAR AS nulls,
       coalesce(stats_null_count = num_values, false) AS empty FROM parquet_metadata(${list})`,
    options,
  );
  const byFile = new Map<string, Map<string, { type: string; chunks: Chunk[] }>>();
  for (const row of chunks) {
    const path = textOf(row['path_in_schema'])?.split(', ') ?? [];
    const type = leaf(schema.fields, path);
    if (typeof type !== 'string') continue;
    const file = textOf(row['file_name']) ?? '';
    const columns = byFile.get(file) ?? new Map<string, { type: string; chunks: Chunk[] }>();
    byFile.set(file, columns);
    const column = columns.get(statKey(path)) ?? { type, chunks: [] };
    columns.set(statKey(path), column);
    column.chunks.push({
      min: textOf(row['low']),
      max: textOf(row['high']),
      nulls: textOf(row['nulls']),
      empty: row['empty'] === true,
    });
  }
  return new Map(
    files.map((row): [string, Footer] => {
      const file = textOf(row['file_name']) ?? '';
      const columns = [...(byFile.get(file) ?? [])].map(([key, c]): [string, ColumnStatistics] => [
        key,
        statisticsOf(c.type, c.chunks),
      ]);
      return [
        file,
        {
          rows: BigInt(textOf(row['row_count']) ?? '0'),
          size: Number(textOf(row['bytes']) ?? '0'),
          columns: new Map(columns),
        },
      ];
    }),
  );
};
