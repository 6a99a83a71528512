import { createHash } from 'node:crypto';
import { type Column, type LegQuery, timestampText } from '../../query/index.js';
import { type ComparedValue, type Difference, firstDifference } from './compare.js';
import { quoted, type RollupDuckDb } from './duckdb.js';
import { duckdbType, isAdditive, type StoredColumn, type StoredLayout, totalOf } from './layout.js';
import { legOf, type RawReader, wholeLeg } from './raw.js';
import type { Scope } from './scope.js';
import { spanOf } from './span.js';
import { ALL_KEY, NULL_KEY } from './stage.js';
import type { Workshop } from './workshop.js';

/** What a proof says: what was compared, or the first thing that was not equal. */
export type Verdict =
  | { readonly equal: true; readonly proof: string }
  | { readonly equal: false; readonly partition: string; readonly reason: string };

/** Dimensions of the sample at least, where a rollup has so many. */
const SAMPLE = 3;

export interface Proof {
  readonly layout: StoredLayout;
  /** The partitions that were made; undefined: all. */
  readonly scope: Scope | undefined;
  readonly raw: RawReader;
  readonly duckdb: RollupDuckDb;
  readonly workshop: Workshop;
  /** The rollup as it was written and read back; column `p` is the partition. */
  readonly table: string;
  readonly signal: AbortSignal;
}

/** How totals are cut in time: not at all, by the rollup's own bucket, or by partition (its bucket where there are none). */
type Cut = 'whole' | 'bucket' | 'partition';
const bucketOf = ({ layout }: Proof, cut: Cut): { readonly granularity: string; readonly sql: string } | undefined => {
  const { partitionGranularity, granularity } = layout.definition;
  if (cut === 'whole' || !layout.time || granularity === undefined) return undefined;
  return cut === 'bucket' || partitionGranularity === undefined
    ? { granularity, sql: quoted(layout.time.name) }
    : { granularity: partitionGranularity, sql: 'p' };
};
const bucketColumn: Column = { name: 'g', type: { kind: 'timestamp' }, role: 'time' };

const partitionName = (proof: Proof, bucket: string | null | undefined): string => {
  const granularity = proof.layout.definition.partitionGranularity;
  if (granularity === undefined) return ALL_KEY;
  if (bucket === undefined) return 'every partition';
  return bucket === null ? NULL_KEY : spanOf(BigInt(bucket), granularity).key;
};

/** A difference in words. `keyNames` are the members that the first keys stand for; `bucket` tells that the last one is a time. */
export const words = (d: Difference, keyNames: readonly string[], bucket: boolean): string => {
  const group = keyNames.map((name, i) => `${name} = ${d.keys[i] ?? 'null'}`);
  const at = bucket ? d.keys[d.keys.length - 1] : undefined;
  if (at) group.push(timestampText(BigInt(at)));
  const where = group.length === 0 ? '' : ` where ${group.join(' and ')}`;
  const values = `raw ${d.raw ?? 'null'}, rollup ${d.rollup ?? 'null'}`;
  if (d.only === 'raw') return `raw has rows${where} that the rollup has not (${d.label}: ${values})`;
  if (d.only === 'rollup') return `the rollup has rows${where} that raw has not (${d.label}: ${values})`;
  return `${d.label}${where}: ${values}`;
};

/** Compares measures by some dimensions and buckets; raw is aggregated by its own engine, not from the rows that were fetched. */
const compareTotals = async (
  proof: Proof,
  name: string,
  dimensions: readonly StoredColumn[],
  cut: Cut,
): Promise<Verdict | undefined> => {
  const { layout, duckdb, table, signal } = proof;
  const bucket = bucketOf(proof, cut);
  // the other way round than the rows were fetched, so that a swap of two columns does not swap both sides
  const stored = layout.columns.filter((c) => c.role === 'measure' && isAdditive(c)).reverse();
  const keys: Column[] = [
    ...dimensions.map((d, i) => ({ name: `k${i}`, type: d.type, role: 'dimension' as const })),
    ...(bucket ? [bucketColumn] : []),
  ];
  const measures = [
    ...stored.map((c) => ({ member: c.member, type: c.type, sql: totalOf(c), column: c })),
    ...layout.derived.map((d) => ({
      member: d.member,
      type: d.type,
      sql: `CAST(${d.sql} AS ${duckdbType(d.type)})`,
      column: undefined,
    })),
  ];
  if (measures.length === 0) return undefined;
  const values: ComparedValue[] = measures.map((m, i) => ({
    name: `m${i}`,
    type: m.type,
    role: 'measure',
    label: m.member,
    ...(m.type.kind === 'double' && m.column?.additivity === 'sum' ? { tolerance: `s${i}` } : {}),
  }));
  const select = [
    ...dimensions.map((d, i) => `${quoted(d.name)} AS k${i}`),
    ...(bucket ? [`${bucket.sql} AS g`] : []),
    ...measures.map((m, i) => `${m.sql} AS m${i}`),
    ...values.flatMap((v, i) => (v.tolerance ? [`sum(abs(${quoted(measures[i]?.column?.name ?? '')})) AS s${i}`] : [])),
  ];
  const groupBy = keys.length === 0 ? '' : ` GROUP BY ${keys.map((_, i) => i + 1).join(', ')}`;
  const query = legOf(layout, {
    measures: measures.map((m) => m.member),
    dimensions: dimensions.map((d) => d.member),
    granularity: bucket?.granularity,
    scope: proof.scope,
  });
  const difference = await withRaw(proof, name, query, [...keys, ...values], undefined, (rawTable) =>
    firstDifference(
      duckdb,
      rawTable,
      `SELECT ${select.join(', ')} FROM ${quoted(table)}${groupBy}`,
      keys,
      values,
      signal,
    ),
  );
  if (!difference) return undefined;
  return {
    equal: false,
    partition: partitionName(proof, bucket ? difference.keys[difference.keys.length - 1] : undefined),
    reason: words(
      difference,
      dimensions.map((d) => d.member),
      bucket !== undefined && bucket.sql !== 'p',
    ),
  };
};

/** Reads a leg into a table for the time of `use`. */
export const withRaw = async <T>(
  proof: Proof,
  name: string,
  query: LegQuery,
  columns: readonly Column[],
  wrap: ((leg: string) => string) | undefined,
  use: (table: string) => Promise<T>,
): Promise<T> => {
  const { raw, duckdb, workshop, signal } = proof;
  const table = `${workshop.prefix}${name}`;
  try {
    await raw.fill(table, query, columns, { signal, wrap });
    return await use(table);
  } finally {
    await duckdb.execute(`DROP TABLE IF EXISTS ${quoted(table)}`);
  }
};

/** Compares, per partition: how many groups, from when to when, and how many values each dimension has. Raw counts its own groups. */
const compareGroups = async (proof: Proof): Promise<Verdict | undefined> => {
  const { layout, duckdb, table, signal } = proof;
  const kept = layout.columns.filter((c) => c.role !== 'measure');
  if (kept.length === 0) return undefined;
  const granularity = layout.time ? layout.definition.partitionGranularity : undefined;
  const dimensions = layout.columns.filter((c) => c.role === 'dimension');
  const time = layout.time;
  const keys = granularity === undefined ? [] : [bucketColumn];
  const number = (name: string, label: string): ComparedValue => ({
    name,
    label,
    type: { kind: 'bigint' },
    role: 'measure',
  });
  const instant = (name: string, label: string): ComparedValue => ({
    name,
    label,
    type: { kind: 'timestamp' },
    role: 'measure',
  });
  const values: ComparedValue[] = [
    number('n', 'number of groups'),
    ...(time ? [instant('lo', `first ${time.member}`), instant('hi', `last ${time.member}`)] : []),
    ...dimensions.flatMap((d, i) => [
      number(`u${i}`, `distinct values of ${d.member}`),
      number(`v${i}`, `groups with a ${d.member}`),
    ]),
  ];
  const counts = (place: (i: number) => string, at: string | undefined) => [
    'count(*) AS n',
    ...(at === undefined ? [] : [`CAST(min(${at}) AS timestamp) AS lo`, `CAST(max(${at}) AS timestamp) AS hi`]),
    ...dimensions.flatMap((_, i) => [`count(DISTINCT ${place(i)}) AS u${i}`, `count(${place(i)}) AS v${i}`]),
  ];
  const rawTime = time ? `"c${dimensions.length}"` : undefined;
  const wrap = (leg: string) =>
    granularity === undefined
      ? `SELECT ${counts((i) => `"c${i}"`, rawTime).join(', ')} FROM (${leg}) AS whole`
      : `SELECT CAST(date_trunc('${granularity}', ${rawTime}) AS timestamp) AS g, ${counts((i) => `"c${i}"`, rawTime).join(', ')} FROM (${leg}) AS whole GROUP BY 1`;
  const own = [
    ...(granularity === undefined ? [] : ['p AS g']),
    ...counts((i) => quoted(dimensions[i]?.name ?? ''), time ? quoted(time.name) : undefined),
  ];
  const difference = await withRaw(
    proof,
    'groups',
    wholeLeg(layout, proof.scope),
    [...keys, ...values],
    wrap,
    (rawTable) =>
      firstDifference(
        duckdb,
        rawTable,
        `SELECT ${own.join(', ')} FROM ${quoted(table)}${granularity === undefined ? '' : ' GROUP BY 1'}`,
        keys,
        values,
        signal,
      ),
  );
  if (!difference) return undefined;
  return {
    equal: false,
    partition: partitionName(proof, granularity === undefined ? undefined : difference.keys[0]),
    reason: words(difference, [], false),
  };
};

/** Compares measures that have no totals at the rollup's own grain, read a second time and alone. */
const compareExactGrain = async (proof: Proof): Promise<Verdict | undefined> => {
  const { layout, duckdb, table, signal } = proof;
  const exact = layout.columns.filter((c) => c.role === 'measure' && !isAdditive(c)).reverse();
  if (exact.length === 0) return undefined;
  const kept = layout.columns.filter((c) => c.role !== 'measure');
  const keys = kept.map((c, i) => ({ name: `k${i}`, type: c.type, role: c.role }));
  const values = exact.map((c, i) => ({ name: `m${i}`, type: c.type, role: c.role, label: c.member }));
  const query = legOf(layout, {
    measures: exact.map((c) => c.member),
    dimensions: kept.filter((c) => c.role === 'dimension').map((c) => c.member),
    granularity: layout.time ? layout.definition.granularity : undefined,
    scope: proof.scope,
  });
  const select = [
    ...kept.map((c, i) => `${quoted(c.name)} AS k${i}`),
    ...exact.map((c, i) => `${quoted(c.name)} AS m${i}`),
  ];
  const difference = await withRaw(proof, 'exact', query, [...keys, ...values], undefined, (rawTable) =>
    firstDifference(duckdb, rawTable, `SELECT ${select.join(', ')} FROM ${quoted(table)}`, keys, values, signal),
  );
  if (!difference) return undefined;
  const names = kept.filter((c) => c.role === 'dimension').map((c) => c.member);
  return {
    equal: false,
    partition: partitionName(proof, undefined),
    reason: words(difference, names, layout.time !== undefined),
  };
};

/** No group may stand in the rollup twice. */
const compareUnique = async ({ layout, duckdb, table, signal }: Proof): Promise<Verdict | undefined> => {
  const kept = layout.columns.filter((c) => c.role !== 'measure').map((c) => quoted(c.name));
  const grouped = kept.length === 0 ? '' : ` GROUP BY ${kept.join(', ')}`;
  const [found] = await duckdb.query<{ n: bigint }>(
    `SELECT count(*) AS n FROM (SELECT count(*) AS n FROM ${quoted(table)}${grouped}) WHERE n > 1`,
    [],
    { signal },
  );
  const twice = found?.n ?? 0n;
  return twice === 0n ? undefined : { equal: false, partition: ALL_KEY, reason: `${twice} groups stand in it twice` };
};

/**
 * Dimensions whose groups are compared: a few by the seed, and of those that look alike (same type, same number of values) all but
 * one, so that no two columns can have changed places unseen.
 */
const sampled = async ({ layout, duckdb, table, signal }: Proof, seed: string): Promise<StoredColumn[]> => {
  const dimensions = layout.columns.filter((c) => c.role === 'dimension');
  if (dimensions.length <= SAMPLE) return dimensions;
  const [found] = await duckdb.query<Record<string, bigint>>(
    `SELECT ${dimensions.map((d) => `count(DISTINCT ${quoted(d.name)}) AS ${quoted(d.name)}`).join(', ')} FROM ${quoted(table)}`,
    [],
    { signal },
  );
  const rank = (d: StoredColumn) => createHash('sha256').update(`${seed} ${d.member}`).digest('hex');
  const order = [...dimensions].sort((a, b) => (rank(a) < rank(b) ? -1 : 1));
  const seen = new Map<string, number>();
  const alike = (d: StoredColumn) => `${duckdbType(d.type)} ${found?.[d.name]}`;
  for (const d of dimensions) seen.set(alike(d), (seen.get(alike(d)) ?? 0) + 1);
  const chosen: StoredColumn[] = [];
  for (const [i, d] of order.entries()) {
    const left = seen.get(alike(d)) ?? 0;
    if (i >= SAMPLE && left <= 1) continue;
    seen.set(alike(d), left - 1);
    chosen.push(d);
  }
  return chosen;
};

/**
 * Compares a rollup, as written, with raw rows of the same publication. Every check reads raw by a statement of its own.
 * `seed` decides the sample of dimensions. Errors: those of the source.
 */
export const prove = async (proof: Proof, seed: string): Promise<Verdict> => {
  const bucket = bucketOf(proof, 'bucket');
  const unequal =
    (await compareUnique(proof)) ??
    (bucket ? await compareTotals(proof, 'buckets', [], 'bucket') : undefined) ??
    (await compareTotals(proof, 'grand', [], 'whole')) ??
    (await compareGroups(proof)) ??
    (await compareExactGrain(proof));
  if (unequal) return unequal;
  const sample = await sampled(proof, seed);
  for (const [i, dimension] of sample.entries()) {
    const found = await compareTotals(proof, `by${i}`, [dimension], 'partition');
    if (found) return found;
  }
  const { layout } = proof;
  const measures = layout.columns.filter((c) => c.role === 'measure').length + layout.derived.length;
  const by = sample.map((d) => d.member).join(', ');
  return {
    equal: true,
    proof: `${measures} measures in total${bucket ? ` and by ${bucket.granularity}` : ''}, number and span of groups${by ? `, groups by ${by}` : ''}: equal to raw`,
  };
};
