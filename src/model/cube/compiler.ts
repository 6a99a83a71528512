import type { CompiledLeg, Dialect, LegQuery } from '../../query/index.js';

/** The only door to Cube, as the planner sees it. Synchronous; a known shape costs a map look-up. Errors: `query-invalid`, `not-supported`. */
export interface LegCompiler {
  compile(query: LegQuery, dialect: Dialect): CompiledLeg;
  /**
   * A measure (its aggregate's inner SQL and its filters) written over the given columns of a rollup: keys are cube members, values
   * SQL text of columns. Undefined when it reads anything else than those members, so that a rollup cannot serve it so.
   * `SELECT` text of the whole aggregate, such as `count(distinct CASE WHEN "r3" THEN NULL ELSE "r1" END)`.
   */
  measureOver(measure: string, columns: ReadonlyMap<string, string>, dialect: Dialect): string | undefined;
}
