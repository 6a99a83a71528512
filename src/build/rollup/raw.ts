import type { LegCompiler } from '../../model/cube/index.js';
import { type Column, type CompiledLeg, type LegQuery, type RowStream, tableToken } from '../../query/index.js';
import type { Engine } from '../../store/engine/index.js';
import { pinnedStatement } from '../../store/state/index.js';
import type { StoredLayout } from './layout.js';

/** Where raw rows are read while a rollup is built: one engine, one publication's physical tables. */
export interface RollupSource {
  readonly engine: Engine;
  /** The relation that stands for a managed table (`gold.fact_sales`) in this engine, at the publication that is built. */
  resolve(table: string): string | Promise<string>;
}

/** A leg over the rollup's rows, without any policy: rollups hold all rows, and plans filter them for each caller. */
export const legOf = (
  layout: StoredLayout,
  parts: {
    readonly measures: readonly string[];
    readonly dimensions: readonly string[];
    readonly granularity?: string | undefined;
  },
): LegQuery => {
  const { timeDimension, timezone } = layout.definition;
  return {
    measures: parts.measures,
    dimensions: parts.dimensions,
    time:
      timeDimension === undefined || parts.granularity === undefined
        ? []
        : [{ dimension: timeDimension, granularity: parts.granularity }],
    segments: [],
    where: [],
    having: [],
    order: [],
    timezone,
  };
};

/** The leg whose rows are the rollup: all kept dimensions, the time bucket, the stored measures, in the order of the columns. */
export const wholeLeg = (layout: StoredLayout): LegQuery =>
  legOf(layout, {
    measures: layout.columns.filter((c) => c.role === 'measure').map((c) => c.member),
    dimensions: layout.columns.filter((c) => c.role === 'dimension').map((c) => c.member),
    granularity: layout.time ? layout.definition.granularity : undefined,
  });

/** Reads legs of one model from one source. */
export interface RawReader {
  compile(query: LegQuery): CompiledLeg;
  /** Runs a leg; `wrap` may put a statement round it. Columns come in the order and types given. */
  read(
    query: LegQuery,
    columns: readonly Column[],
    signal?: AbortSignal,
    wrap?: (leg: string) => string,
  ): Promise<RowStream>;
}

export const rawReader = (legs: LegCompiler, source: RollupSource): RawReader => {
  const compile = (query: LegQuery) => legs.compile(query, source.engine.dialect);
  return {
    compile,
    read: async (query, columns, signal, wrap = (leg) => leg) => {
      const leg = compile(query);
      const relations = new Map<string, string>();
      for (const table of leg.tables) relations.set(table, await source.resolve(table));
      const place = (of: (table: string) => string) =>
        wrap(leg.tables.reduce((text, table) => text.replaceAll(tableToken(table), () => of(table)), leg.sql));
      const statement = { sql: pinnedStatement(relations, place), parameters: leg.parameters, columns };
      return source.engine.run(statement, signal ? { signal } : {});
    },
  };
};
