import { error } from '../../errors/index.js';
import type { MetricQuery, TableVersion } from '../../query/index.js';
import { cacheKeyOf } from './cache-key.js';
import { chooseRollup } from './choose.js';
import { type GuardedLeg, guardLeg, refuseMultiplied } from './guard.js';
import { resolveQuery } from './resolve.js';
import type { RollupMatch } from './rollup-match.js';
import { rollupSql } from './rollup-sql.js';
import { type Split, splitQuestion } from './split.js';
import type { Plan, PlanModel, PlannedLeg, PlanOptions, PlanState } from './types.js';

/** Versions of the tables that a raw leg reads, and whether every one of them has one. */
const rawTables = (guarded: GuardedLeg, state: PlanState): { tables: readonly TableVersion[]; known: boolean } => {
  const { tables } = guarded.compiled;
  const versions = tables.flatMap((table) => {
    const published = state.publication.tables.get(table);
    return published ? [{ table, version: published.dataVersion }] : [];
  });
  return { tables: versions, known: versions.length === tables.length };
};

/** Versions that a rollup was built from. */
const rollupTables = (match: RollupMatch): readonly TableVersion[] => {
  const found = new Map<string, TableVersion>();
  for (const { builtFrom } of match.partitions)
    for (const [table, version] of builtFrom) found.set(`${table}@${version}`, { table, version });
  return [...found.values()];
};

const rollupLeg = (split: Split, guarded: GuardedLeg, match: RollupMatch, model: PlanModel): PlannedLeg => ({
  source: 'rollup',
  ...rollupSql(split.leg, guarded.rules, match, model.catalogue),
  tables: [],
  columns: split.legColumns,
  partitions: match.partitions,
  partitionColumns: [...match.layout.columns.values()],
});

const rawLeg = (split: Split, guarded: GuardedLeg, source: 'postgres' | 'lake'): PlannedLeg => ({
  source,
  sql: guarded.compiled.sql,
  parameters: guarded.compiled.parameters,
  tables: guarded.compiled.tables,
  columns: split.legColumns,
  partitions: [],
  partitionColumns: [],
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
  const question = resolveQuery(query, model.catalogue, model.access);
  const split = splitQuestion(question, model.catalogue);
  const guarded = guardLeg(split.leg, question.named, model, options.raw === 'postgres' ? 'postgres' : 'duckdb');
  refuseMultiplied(split.leg, guarded.compiled, model.catalogue);
  const { match, candidates } = chooseRollup(question.owner.root, split, guarded, query, model, state, options);
  const raw = match ? undefined : rawTables(guarded, state);
  const plan: Omit<Plan, 'cacheKey'> = {
    kind: match ? 'rollup' : 'source',
    source: match ? 'rollup' : options.raw,
    columns: split.columns,
    timezone: question.timezone,
    leg: match ? rollupLeg(split, guarded, match, model) : rawLeg(split, guarded, options.raw),
    composition: split.composition,
    candidates,
    tables: match ? rollupTables(match) : (raw?.tables ?? []),
    policies: guarded.policies,
    stale: match?.stale ?? [],
    rollups: (match?.partitions ?? []).map(({ rollup, key, version }) => ({ rollup, partition: key, version })),
    modelVersion: model.catalogue.version,
    members: question.named,
  };
  return { ...plan, cacheKey: raw?.known === false ? undefined : cacheKeyOf(plan) };
};
