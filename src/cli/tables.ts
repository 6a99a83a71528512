import {
  type Audited,
  type AuditedCheck,
  apply,
  audit,
  type BuildResult,
  build,
  type Collected,
  collect,
  documentedTables,
  drop,
  type EnginePins,
  type EnvironmentLook,
  environmentLooks,
  type LineageGraph,
  lineageGraph,
  type MaintainParts,
  type Parts,
  type Plan,
  type PlanRequest,
  type Pointed,
  plan,
  promote,
  type RollbackTarget,
  type RunResult,
  restate,
  rollback,
  rollbackTargets,
  run,
  runTransformTests,
  type Span,
  type TransformDocs,
  type TransformTestResult,
  type Trouble,
  transformDocs,
  troubles,
} from '../build/transform/index.js';
import type { Warehouse } from '../store/engine/index.js';
import {
  type FailingKeysRecord,
  failingKeysOf,
  listRuns,
  type RunRecord,
  type RunRoute,
  routesOf,
} from '../store/state/index.js';

/** Commands on tables, as the app offers them: each is followed by what hangs on the tables (rollups). */
export interface Tables {
  /** The same with engines that were asked for by hand. */
  on(engines: EnginePins): Tables;
  plan(request: PlanRequest): Promise<Plan>;
  apply(planId: string): Promise<RunResult>;
  build(again?: readonly string[]): Promise<BuildResult>;
  run(environment: string): Promise<RunResult>;
  restate(environment: string, id: string, span: Span): Promise<RunResult>;
  promote(from: string, to: string, accepted: readonly string[]): Promise<Pointed>;
  rollback(environment: string, revision: number | undefined): Promise<Pointed>;
  /** Removes an environment beside production. */
  drop(environment: string): Promise<Pointed>;
  collect(): Promise<Collected>;
  test(select: string | undefined): Promise<readonly TransformTestResult[]>;
  /** Asks all checks of what is published; `told` hears of each table's as they come. */
  audit(
    environment: string,
    select: string | undefined,
    told: (checks: readonly AuditedCheck[]) => void,
  ): Promise<Audited>;
  lineage(environment: string): Promise<LineageGraph>;
  docs(environment: string): Promise<TransformDocs>;
  environments(): Promise<readonly EnvironmentLook[]>;
  /** Partitions that stay behind, with why. */
  troubles(environment: string): Promise<readonly Trouble[]>;
  /** Keys of rows that failed checks of a table, newest first. */
  failures(table: string, limit: number): Promise<readonly FailingKeysRecord[]>;
  runs(limit: number, environment: string | undefined): Promise<readonly RunRecord[]>;
  /** What these runs published, and which engines made it. */
  routes(runIds: readonly string[]): Promise<readonly RunRoute[]>;
  rollbackTargets(environment: string): Promise<readonly RollbackTarget[]>;
  /** For `assay lake`: what its work on managed tables needs. */
  lakeParts(): LakeParts;
}

/** Work on tables' files that minds the ledger. */
export type LakeParts = MaintainParts;

/** `parts` refuses where a setting is missing; `moved` is called after readers may see something else. */
export const openTables = (parts: () => Parts, warehouse: Warehouse, moved: () => Promise<unknown>): Tables => {
  const then = async <T>(work: Promise<T>): Promise<T> => {
    const result = await work;
    await moved();
    return result;
  };
  return {
    on: (pins) => openTables(() => ({ ...parts(), pins }), warehouse, moved),
    plan: (request) => plan(parts(), request),
    apply: (planId) => then(apply(parts(), planId)),
    build: (again = []) => build({ ...parts(), restate: again }),
    run: (environment) => then(run(parts(), environment)),
    restate: (environment, id, span) => then(restate(parts(), environment, id, span)),
    promote: (from, to, accepted) => then(promote(parts(), from, to, new Set(accepted))),
    rollback: (environment, revision) => then(rollback(parts(), environment, revision)),
    drop: (environment) => drop(parts(), environment),
    collect: () => collect(parts()),
    test: (select) => {
      const { transformsDir, duckdb, emit, signal, spark } = parts();
      return runTransformTests({
        ...{ transformsDir, duckdb, warehouse, emit, spark },
        ...(select === undefined ? {} : { select }),
        ...(signal ? { signal } : {}),
      });
    },
    audit: (environment, select, told) => audit(parts(), { environment, select }, told),
    lineage: (environment) => lineageGraph(warehouse, environment),
    docs: async (environment) => transformDocs(await documentedTables(warehouse, environment)),
    environments: () => environmentLooks(warehouse),
    troubles: (environment) => troubles(warehouse, environment),
    failures: (table, limit) => failingKeysOf(warehouse, { table, limit }),
    runs: (limit, environment) => listRuns(warehouse, limit, environment),
    routes: (runIds) => routesOf(warehouse, runIds),
    lakeParts: parts,
    rollbackTargets: (environment) => rollbackTargets(warehouse, environment, BigInt(Date.now()) * 1000n),
  };
};
