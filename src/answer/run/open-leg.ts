import { lakeRelationOf } from '../../build/transform/index.js';
import { AssayError, error } from '../../errors/index.js';
import type { Estimate, ExplainedStatement } from '../../query/index.js';
import type { Statement } from '../../store/engine/index.js';
import { pinnedStatement } from '../../store/state/index.js';
import { bindTables, type Plan, type PlannedLeg, type PlanState, partitionsRelation } from '../plan/index.js';
import { estimateOf } from './estimate.js';
import type { AskParts } from './parts.js';

/** A plan's statement with its tables bound, and what must be let go when its rows were read. */
export interface BoundStatement {
  readonly statement: Statement;
  readonly release: () => void;
}

const notThere = (table: string, where: string) =>
  error('not-supported', {
    what: `${table} is not in ${where}`,
    instead: `publish it there with \`assay build\`, or set ASSAY_RAW to the other copy`,
  });

/** A managed table's relation at this publication; tables of others stand under their own name. */
const postgresName = (table: string, state: Pick<PlanState, 'publication'>): string => {
  const published = state.publication.tables.get(table);
  if (!published) return table;
  if (published.postgres === undefined) throw notThere(table, 'PostgreSQL');
  return published.postgres;
};

/** Relations over the Delta snapshots of this publication. */
const lakeRelations = async (
  tables: readonly string[],
  state: Pick<PlanState, 'publication'>,
  parts: Pick<AskParts, 'lakeRelation'>,
  signal: AbortSignal | undefined,
): Promise<ReadonlyMap<string, string>> => {
  const found = await Promise.all(
    tables.map(async (table): Promise<[string, string]> => {
      const published = state.publication.tables.get(table);
      const relation =
        published && lakeRelationOf(published, (path, version) => parts.lakeRelation(path, version, signal));
      if (!relation) throw notThere(table, 'the lake');
      return [table, await relation];
    }),
  );
  return new Map(found);
};

/** Puts the tables of partitions, in the order of `rollups`, into a statement. */
const bindRollups = (sql: string, rollups: PlannedLeg['rollups'], tables: readonly string[]): string => {
  let at = 0;
  return rollups.reduce((text, { token, partitions, columns }) => {
    if (partitions.length === 0) return text;
    const relation = partitionsRelation(tables.slice(at, at + partitions.length), columns);
    at += partitions.length;
    return bindTables(text, [token], () => relation);
  }, sql);
};

const nothing = () => {};

/**
 * Binds a plan's tables: pins rollup partitions, or takes the physical tables of the plan's publication.
 * Errors: `not-supported` for a table that is not in the raw source; those of `pin` and `lakeRelation`.
 */
export const bindPlan = async (
  plan: Pick<Plan, 'leg'>,
  state: Pick<PlanState, 'publication'>,
  parts: Pick<AskParts, 'lakeRelation' | 'rollups'>,
  signal?: AbortSignal,
): Promise<BoundStatement> => {
  const { sql, parameters, columns, tables, rollups, source } = plan.leg;
  if (source === 'rollup') {
    // the moving edge of a rollup is read from the lake, in the same engine
    const live = await lakeRelations(tables, state, parts, signal);
    // pinned at once: either all parts of an answer can be read, or none is begun
    const pinned = await parts.rollups.pin(
      rollups.flatMap((r) => r.partitions),
      signal,
    );
    return {
      statement: {
        sql: bindTables(bindRollups(sql, rollups, pinned.tables), tables, (t) => live.get(t) ?? t),
        parameters,
        columns,
      },
      release: () => pinned.release(),
    };
  }
  if (source === 'postgres') {
    const relations = new Map(tables.map((table) => [table, postgresName(table, state)]));
    const bound = pinnedStatement(relations, (of) => bindTables(sql, tables, of));
    return { statement: { sql: bound, parameters, columns }, release: nothing };
  }
  const relations = await lakeRelations(tables, state, parts, signal);
  const bound = bindTables(sql, tables, (table) => relations.get(table) ?? table);
  return { statement: { sql: bound, parameters, columns }, release: nothing };
};

/** The statement as `explain` shows it: physical tables; a rollup's partitions by their keys, nothing is loaded for it. */
export const explainedStatement = async (
  plan: Plan,
  state: PlanState,
  parts: AskParts,
  signal?: AbortSignal,
): Promise<{ readonly statement: ExplainedStatement; readonly estimate: Estimate | undefined }> => {
  const { sql, parameters, columns, rollups, source } = plan.leg;
  const engine = source === 'rollup' ? parts.engines.rollup : parts.engines[source];
  const names = rollups.flatMap((r) => r.partitions).map((p) => `"${p.rollup}/${p.key}@${p.version}"`);
  const bound =
    source === 'rollup'
      ? { sql: bindRollups(sql, rollups, names), parameters, columns }
      : (await bindPlan(plan, state, parts, signal)).statement;
  return {
    statement: { engine: engine.name, sql: bound.sql, parameters },
    // what cannot be run can be explained all the same
    estimate: await estimateOf(plan, engine, bound, signal).catch((thrown: unknown) => {
      if (thrown instanceof AssayError && !signal?.aborted) return undefined;
      throw thrown;
    }),
  };
};
