import {
  apply,
  type BuildResult,
  build,
  type Collected,
  collect,
  type Parts,
  type Plan,
  type PlanRequest,
  type Pointed,
  plan,
  promote,
  type RunResult,
  restate,
  rollback,
  run,
  runTransformTests,
  type Span,
  type TransformTestResult,
} from '../build/transform/index.js';

/** Commands on tables, as the app offers them: each is followed by what hangs on the tables (rollups). */
export interface Tables {
  plan(request: PlanRequest): Promise<Plan>;
  apply(planId: string): Promise<RunResult>;
  build(again?: readonly string[]): Promise<BuildResult>;
  run(environment: string): Promise<RunResult>;
  restate(environment: string, id: string, span: Span): Promise<RunResult>;
  promote(from: string, to: string): Promise<Pointed>;
  rollback(environment: string, revision: number | undefined): Promise<Pointed>;
  collect(): Promise<Collected>;
  test(select: string | undefined): Promise<readonly TransformTestResult[]>;
}

/** `parts` refuses where a setting is missing; `moved` is called after readers may see something else. */
export const openTables = (parts: () => Parts, moved: () => Promise<unknown>): Tables => {
  const then = async <T>(work: Promise<T>): Promise<T> => {
    const result = await work;
    await moved();
    return result;
  };
  return {
    plan: (request) => plan(parts(), request),
    apply: (planId) => then(apply(parts(), planId)),
    build: (again = []) => build({ ...parts(), restate: again }),
    run: (environment) => then(run(parts(), environment)),
    restate: (environment, id, span) => then(restate(parts(), environment, id, span)),
    promote: (from, to) => then(promote(parts(), from, to)),
    rollback: (environment, revision) => then(rollback(parts(), environment, revision)),
    collect: () => collect(parts()),
    test: (select) => {
      const { transformsDir, duckdb, warehouse, emit, signal } = parts();
      return runTransformTests({
        ...{ transformsDir, duckdb, warehouse, emit },
        ...(select === undefined ? {} : { select }),
        ...(signal ? { signal } : {}),
      });
    },
  };
};
