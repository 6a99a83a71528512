import { createHash } from 'node:crypto';
import type { Column } from '../../query/index.js';
import { type ComparedValue, firstDifference } from './compare.js';
import { quoted } from './duckdb.js';
import type { StoredLayout } from './layout.js';
import { type Proof, type Verdict, withRaw, words } from './prove.js';
import { wholeLeg } from './raw.js';
import type { Scope } from './scope.js';
import { ALL_KEY, NULL_KEY, type StagedPartition } from './stage.js';

type Unequal = Extract<Verdict, { equal: false }>;

/** The first row of a rollup that is not what raw gives for its group, in words; undefined when every row is. */
export const firstWrongRow = async (proof: Proof): Promise<string | undefined> => {
  const { layout, duckdb, table, signal } = proof;
  const kept = layout.columns.filter((c) => c.role !== 'measure');
  const stored = layout.columns.filter((c) => c.role === 'measure');
  const keys: Column[] = kept.map((c) => ({ name: c.name, type: c.type, role: c.role }));
  const values = stored.map(
    (c): ComparedValue => ({
      ...{ name: c.name, type: c.type, role: 'measure', label: c.member },
      ...(c.type.kind === 'double' ? { tolerance: `${c.name} size` } : {}),
    }),
  );
  const sizes = values.flatMap((v) => (v.tolerance ? [`abs(${quoted(v.name)}) AS ${quoted(v.tolerance)}`] : []));
  const select = [...layout.columns.map((c) => quoted(c.name)), ...sizes].join(', ');
  // filled in the order of the leg's columns, which is the layout's
  const difference = await withRaw(proof, 'row', wholeLeg(layout, proof.scope), layout.columns, undefined, (rawTable) =>
    firstDifference(
      duckdb,
      rawTable,
      `SELECT ${select} FROM ${quoted(table)} WHERE ${within(layout, proof.scope)}`,
      keys,
      values,
      signal,
    ),
  );
  const names = kept.filter((c) => c.role === 'dimension').map((c) => c.member);
  return difference && words(difference, names, layout.time !== undefined);
};

/** Column `p` of the written rows is the partition. */
const within = (layout: StoredLayout, scope: Scope | undefined): string => {
  if (scope === undefined || layout.definition.partitionGranularity === undefined) return 'true';
  const spans = scope.spans.map((s) => `p = make_timestamp(${s.from})`);
  return [...spans, ...(scope.nulls ? ['p IS NULL'] : [])].join(' OR ') || 'false';
};

/** The scope of one partition; undefined where there is only one. */
export const scopeOf = (partition: Pick<StagedPartition, 'key' | 'span'>): Scope | undefined => {
  if (partition.key === ALL_KEY) return undefined;
  return { spans: partition.span ? [partition.span] : [], nulls: partition.key === NULL_KEY };
};

/**
 * A verdict with the first row that is wrong in the partition that it names: what an operator needs to find the cause. Read only
 * after a proof has failed.
 */
export const withRow = async (
  proof: Proof,
  verdict: Unequal,
  written: readonly Pick<StagedPartition, 'key' | 'span'>[],
): Promise<Unequal> => {
  const partition = written.find((p) => p.key === verdict.partition);
  const row = await firstWrongRow(partition ? { ...proof, scope: scopeOf(partition) } : proof);
  return row === undefined || verdict.reason.includes(row)
    ? verdict
    : { ...verdict, reason: `${verdict.reason}; first of the rows: ${row}` };
};

/** A partition of more rows than this is not read from the other copy, row by row. */
const MOST_ROWS = 200_000;

/**
 * Compares the rows of one partition, chosen by the seed, with the other copy of the tables: totals do not show two dimensions that
 * have changed places in all of one copy. Undefined: equal, or no partition is small enough.
 */
export const otherRow = async (
  proof: Proof,
  written: readonly StagedPartition[],
  seed: string,
): Promise<Unequal | undefined> => {
  const rank = ({ key }: StagedPartition) => createHash('sha256').update(`${seed} ${key}`).digest('hex');
  const small = written.filter((p) => p.rows <= MOST_ROWS);
  const [one] = [...small].sort((a, b) => (rank(a) < rank(b) ? -1 : 1));
  if (!one) return undefined;
  const row = await firstWrongRow({ ...proof, scope: scopeOf(one) });
  return row === undefined
    ? undefined
    : { equal: false, partition: one.key, reason: `${row}, where raw is the other copy of the tables` };
};
