import type { LegCompiler } from '../../model/cube/index.js';
import type { CompiledLeg } from '../../query/index.js';
import { exactCast, quoted } from './duckdb.js';
import type { StoredLayout } from './layout.js';
import { wholeLeg } from './raw.js';
import type { Scope } from './scope.js';

/** A SELECT of DuckDB over source tables that gives a rollup's columns: what its partitions would hold if they were made now. */
export type LiveLeg = Pick<CompiledLeg, 'pieces' | 'parameters' | 'tables'>;

/** Rows of some partitions as the source has them, in the columns and types of the rollup's own tables. */
export const liveLeg = (layout: StoredLayout, legs: LegCompiler, scope: Scope): LiveLeg => {
  const { pieces, parameters, tables } = legs.compile(wholeLeg(layout, scope), 'duckdb');
  const names = layout.columns.map((_, i) => `x${i}`).join(', ');
  const cells = layout.columns.map((c, i) => `${exactCast(c.type, `x${i}`)} AS ${quoted(c.name)}`).join(', ');
  return { pieces: [`SELECT ${cells} FROM (`, ...pieces, `) AS live(${names})`], parameters, tables };
};
