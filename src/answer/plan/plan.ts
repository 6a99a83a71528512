import { error } from '../../errors/index.js';
import { type CompiledLeg, type MetricQuery, placedSql, type TableVersion } from '../../query/index.js';
import { assembledSql } from './assembly.js';
import { besideSource } from './beside.js';
import { PARTITIONS } from './bind-tables.js';
import { cacheKeyOf } from './cache-key.js';
import { chooseRollups } from './choose.js';
import { checkJoins, type GuardedLeg, guardLeg } from './guard.js';
import type { LegAsk } from './leg-asks.js';
import { resolveQuery } from './resolve.js';
import type { RollupMatch } from './rollup-match.js';
import { rollupSql } from './rollup-sql.js';
import { type Split, splitQuestion } from './split.js';
import type { LegSource, Plan, PlanModel, PlannedLeg, PlanOptions, PlanState } from './types.js';

/** A leg, and what it is under the rules of its caller. */
interface Leg {
  readonly asked: LegAsk;
  readonly guarded: GuardedLeg;
}

/** Versions of the tables that raw legs read, and whether every one of them has one. */
const rawTables = (legs: readonly Leg[], state: PlanState): { tables: readonly TableVersion[]; known: boolean } => {
  const tables = tablesOf(legs);
  const versions = tables.flatMap((table) => {
    const published = state.publication.tables.get(table);
    return published ? [{ table, version: published.dataVersion }] : [];
  });
  return { tables: versions, known: versions.length === tables.length };
};

const tablesOf = (legs: readonly Leg[]): readonly string[] => [
  ...new Set(legs.flatMap(({ guarded }) => guarded.compiled.tables)),
];

/** Versions that rollups were built from. */
const rollupTables = (matches: readonly RollupMatch[]): readonly TableVersion[] => {
  const found = new Map<string, TableVersion>();
  for (const { builtFrom } of matches.flatMap((m) => m.partitions))
    for (const [table, version] of builtFrom) found.set(`${table}@${version}`, { table, version });
  return [...found.values()];
};

/** Versions of the tables that a rollup's moving edge is read from. */
const liveTables = (leg: PlannedLeg, state: PlanState): readonly TableVersion[] =>
  leg.tables.map((table) => ({ table, version: state.publication.tables.get(table)?.dataVersion ?? '' }));

/** Each once: parts of a query may read the same. */
const once = <T>(all: readonly T[]): readonly T[] => [
  ...new Map(all.map((one) => [JSON.stringify(one), one])).values(),
];

type Pieces = Pick<CompiledLeg, 'pieces' | 'parameters'>;

/** The statement of a plan: its only leg, or what brings its legs together. */
const statementOf = (
  split: Split,
  legs: readonly Pieces[],
  source: LegSource,
): Pick<PlannedLeg, 'sql' | 'parameters'> => {
  if (split.assembly) return assembledSql(split.assembly, legs, source);
  const [only] = legs;
  if (!only) throw error('internal', {});
  return { sql: placedSql(only.pieces), parameters: only.parameters };
};

const fromRollups = (
  split: Split,
  legs: readonly Leg[],
  matches: readonly RollupMatch[],
  model: PlanModel,
  state: PlanState,
): PlannedLeg => {
  const token = (i: number) => (i === 0 ? PARTITIONS : `${PARTITIONS}.${i}`);
  const lives = matches.map(({ live, definition }) => live && state.live?.(definition.id, live));
  const pieces = legs.map(({ asked, guarded }, i) => {
    const match = matches[i] as RollupMatch;
    const leg = rollupSql(asked.query, guarded.rules, match, model.catalogue, token(i));
    const live = lives[i];
    if (!match.live) return leg;
    if (!live) throw error('internal', {});
    return besideSource(leg, live, token(i), [...match.layout.columns.values()], match.partitions.length > 0);
  });
  return {
    source: 'rollup',
    ...statementOf(split, pieces, 'rollup'),
    tables: [...new Set(lives.flatMap((live) => live?.tables ?? []))],
    columns: split.statementColumns,
    rollups: matches.map(({ partitions, layout }, i) => ({
      token: token(i),
      partitions,
      columns: [...layout.columns.values()],
    })),
  };
};

const fromSource = (split: Split, legs: readonly Leg[], source: 'postgres' | 'lake'): PlannedLeg => ({
  source,
  ...statementOf(
    split,
    legs.map(({ guarded }) => guarded.compiled),
    source,
  ),
  tables: tablesOf(legs),
  columns: split.statementColumns,
  rollups: [],
});

/**
 * Decides how a query is answered: checks it for its caller, splits off its leg, compiles that under every row rule of its join
 * tree, chooses a rollup or the source. Pure: the same arguments give the same plan.
 * Errors: `unknown-member`, `query-invalid`, `not-supported`, `filter-on-mask`, `no-rollup`.
 */
export const planQuery = (query: MetricQuery, model: PlanModel, state: PlanState, options: PlanOptions): Plan => {
  for (const [name, known] of [
    ['source', ['auto', 'raw', 'rollup']],
    ['fresh', ['published', 'current']],
  ] as const) {
    const given = query[name];
    if (given !== undefined && !(known as readonly string[]).includes(given))
      throw error('query-invalid', { where: name, what: `${JSON.stringify(given)} is none of ${known.join(', ')}` });
  }
  const question = resolveQuery(query, model.catalogue, model.access, options.now);
  const split = splitQuestion(question, model.catalogue);
  const legs = split.legs.map((asked): Leg => {
    const guarded = guardLeg(asked.query, question.named, model, options.raw === 'postgres' ? 'postgres' : 'duckdb');
    checkJoins(asked, guarded.compiled, model.catalogue);
    return { asked, guarded };
  });
  const { matches, candidates } = chooseRollups(legs, query, model, state, options);
  const raw = matches ? undefined : rawTables(legs, state);
  const leg = matches ? fromRollups(split, legs, matches, model, state) : fromSource(split, legs, options.raw);
  const plan: Omit<Plan, 'cacheKey'> = {
    kind: split.assembly || (matches && leg.tables.length > 0) ? 'composed' : matches ? 'rollup' : 'source',
    source: matches ? 'rollup' : options.raw,
    columns: split.columns,
    timezone: question.timezone,
    leg,
    composition: split.composition,
    candidates,
    tables: matches ? [...rollupTables(matches), ...liveTables(leg, state)] : (raw?.tables ?? []),
    policies: [...new Set(legs.flatMap(({ guarded }) => guarded.policies))],
    stale: once((matches ?? []).flatMap((m) => m.stale)),
    rollups: once(
      (matches ?? [])
        .flatMap((m) => m.partitions)
        .map(({ rollup, key, version }) => ({ rollup, partition: key, version })),
    ),
    modelVersion: model.catalogue.version,
    members: question.named,
    asks: legs.map(({ asked, guarded }) => ({ asked, rules: guarded.rules })),
  };
  return { ...plan, cacheKey: raw?.known === false ? undefined : cacheKeyOf(plan) };
};
