import { valueText } from '../../query/index.js';
import { quoted } from './duckdb.js';
import { isAdditive, type StoredColumn, type StoredLayout, totalOf } from './layout.js';
import type { ManifestPartition } from './manifest.js';
import type { Proof, Verdict } from './prove.js';
import { legOf, type RawReader } from './raw.js';
import { spanOf } from './span.js';
import { ALL_KEY, NULL_KEY } from './stage.js';

/** Exact totals of partitions: the partition's key to a text for each measure of `summed`, null for none. */
export type Totals = ReadonlyMap<string, readonly (string | null)[]>;

/** Measures whose totals are exact numbers and add up: what whole copies are compared by. The other way round than they are stored. */
export const summed = (layout: StoredLayout): readonly StoredColumn[] =>
  layout.columns
    .filter((c) => c.role === 'measure' && isAdditive(c) && ['decimal', 'bigint', 'integer'].includes(c.type.kind))
    .reverse();

const partitioned = ({ time, definition }: StoredLayout): string | undefined =>
  time ? definition.partitionGranularity : undefined;

const keyOf = (granularity: string | undefined, bucket: bigint | null): string =>
  granularity === undefined ? ALL_KEY : bucket === null ? NULL_KEY : spanOf(bucket, granularity).key;

/** Totals of every partition as a source has them: all its rows in one cheap scan, no groups, no distinct counts. */
export const rawTotals = async (layout: StoredLayout, raw: RawReader, signal: AbortSignal): Promise<Totals> => {
  const granularity = partitioned(layout);
  const measures = summed(layout);
  const totals = new Map<string, readonly (string | null)[]>();
  if (measures.length === 0) return totals;
  const time = granularity === undefined ? [] : [{ name: 'g', type: { kind: 'timestamp' }, role: 'time' } as const];
  const rows = await raw.read(
    legOf(layout, { measures: measures.map((m) => m.member), dimensions: [], granularity }),
    [...time, ...measures],
    { signal },
  );
  for await (const batch of rows)
    for (let r = 0; r < batch.length; r++) {
      const at = (column: number) => batch.columns[column]?.[r] ?? null;
      const bucket = time.length === 0 ? null : (at(0) as bigint | null);
      totals.set(
        keyOf(granularity, bucket),
        measures.map((m, i) => {
          const value = at(time.length + i);
          return value === null ? null : valueText(m.type, value);
        }),
      );
    }
  return totals;
};

/** The same of a rollup as it was written and read back; column `p` of its table is the partition. */
export const writtenTotals = async ({ layout, duckdb, table, signal }: Omit<Proof, 'raw'>): Promise<Totals> => {
  const granularity = partitioned(layout);
  const measures = summed(layout);
  if (measures.length === 0) return new Map();
  const select = measures.map((m, i) => `CAST(${totalOf(m)} AS VARCHAR) AS m${i}`).join(', ');
  const rows = await duckdb.query<Record<string, string | bigint | null>>(
    `SELECT p, ${select} FROM ${quoted(table)} GROUP BY p`,
    [],
    { signal },
  );
  return new Map(
    rows.map((row) => [
      keyOf(granularity, row['p'] as bigint | null),
      measures.map((_, i) => (row[`m${i}`] as string | null | undefined) ?? null),
    ]),
  );
};

/** Totals that were proven with partitions that stay as they are; undefined where one of them has none. */
export const keptTotals = (layout: StoredLayout, kept: readonly ManifestPartition[]): Totals | undefined => {
  const names = summed(layout).map((m) => m.member);
  const totals = new Map<string, readonly (string | null)[]>();
  for (const { key, rows, totals: own } of kept) {
    if (rows === 0) continue;
    if (!own || names.some((name) => own[name] === undefined)) return undefined;
    totals.set(
      key,
      names.map((name) => own[name] ?? null),
    );
  }
  return totals;
};

/** Compares whole totals, partition by partition. `where` tells whose they are. */
export const compareWhole = (
  layout: StoredLayout,
  raw: Totals,
  rollup: Totals,
  where: string,
): Extract<Verdict, { equal: false }> | undefined => {
  const measures = summed(layout);
  for (const key of [...new Set([...raw.keys(), ...rollup.keys()])].sort()) {
    const a = raw.get(key);
    const b = rollup.get(key);
    // no rows at all are one row of nulls and zeros where there are no partitions
    const none = (texts: typeof a) => texts === undefined || texts.every((t) => t === null || t === '0');
    if (none(a) && none(b)) continue;
    if (!a) return { equal: false, partition: key, reason: `the rollup has rows that ${where} has not` };
    if (!b) return { equal: false, partition: key, reason: `${where} has rows that the rollup has not` };
    const i = a.findIndex((text, at) => text !== b[at]);
    if (i >= 0)
      return {
        equal: false,
        partition: key,
        reason: `${measures[i]?.member}: ${where} ${a[i] ?? 'null'}, rollup ${b[i] ?? 'null'}`,
      };
  }
  return undefined;
};
