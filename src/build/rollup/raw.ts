import type { LegCompiler } from '../../model/cube/index.js';
import { type Column, type CompiledLeg, type LegQuery, type RowStream, tableToken } from '../../query/index.js';
import type { Engine } from '../../store/engine/index.js';
import { pinnedStatement } from '../../store/state/index.js';
import { exactCast, fillTable, quoted, type RollupDuckDb } from './duckdb.js';
import type { StoredLayout } from './layout.js';
import { type Scope, scopeFilters } from './scope.js';

/** Where raw rows are read while a rollup is built: one engine, one publication's physical tables. */
export interface RollupSource {
  readonly engine: Engine;
  /** The relation that stands for a managed table (`gold.fact_sales`) in this engine, at the publication that is built. */
  resolve(table: string): string | Promise<string>;
  /** Whether it has a table; default: it has all. */
  has?(table: string): boolean;
  /** True where `engine` is the database that rollups are made in: rows then need not leave it. */
  readonly here?: boolean;
  /** What `moved` needs to know of a table as it is now, for a later build. Undefined: that cannot be told. */
  snapshot?(table: string): string | undefined;
  /**
   * A relation over all rows of a table that were there at an earlier snapshot and are not now, or the other way round; it may hold
   * rows that are in both. Undefined when the earlier snapshot cannot be read any more.
   */
  moved?(table: string, snapshot: string): Promise<string | undefined>;
}

/** A leg over the rollup's rows, without any policy: rollups hold all rows, and plans filter them for each caller. */
export const legOf = (
  layout: StoredLayout,
  parts: {
    readonly measures: readonly string[];
    readonly dimensions: readonly string[];
    readonly granularity?: string | undefined;
    readonly scope?: Scope | undefined;
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
    where: scopeFilters(layout, parts.scope),
    having: [],
    order: [],
    timezone,
  };
};

/** The leg whose rows are the rollup: all kept dimensions, the time bucket, the stored measures, in the order of the columns. */
export const wholeLeg = (layout: StoredLayout, scope?: Scope): LegQuery =>
  legOf(layout, {
    measures: layout.columns.filter((c) => c.role === 'measure').map((c) => c.member),
    dimensions: layout.columns.filter((c) => c.role === 'dimension').map((c) => c.member),
    granularity: layout.time ? layout.definition.granularity : undefined,
    scope,
  });

/** How a leg is read: `wrap` may put a statement round it, `relations` stand for tables instead of those of the source. */
export interface ReadOptions {
  readonly signal?: AbortSignal;
  readonly wrap?: ((leg: string) => string) | undefined;
  readonly relations?: ReadonlyMap<string, string>;
}

/** Reads legs of one model from one source. */
export interface RawReader {
  compile(query: LegQuery): CompiledLeg;
  /** Runs a leg. Columns come in the order and types given. */
  read(query: LegQuery, columns: readonly Column[], options?: ReadOptions): Promise<RowStream>;
  /** Makes a table of a leg's rows; where the source is the same database, they do not leave it. */
  fill(table: string, query: LegQuery, columns: readonly Column[], options?: ReadOptions): Promise<void>;
}

export const rawReader = (legs: LegCompiler, source: RollupSource, duckdb: RollupDuckDb): RawReader => {
  const compile = (query: LegQuery) => legs.compile(query, source.engine.dialect);
  const bound = async (query: LegQuery, { wrap = (leg) => leg, relations: given }: ReadOptions) => {
    const leg = compile(query);
    const relations = new Map<string, string>();
    for (const table of leg.tables) relations.set(table, given?.get(table) ?? (await source.resolve(table)));
    const place = (of: (table: string) => string) =>
      wrap(leg.tables.reduce((text, table) => text.replaceAll(tableToken(table), () => of(table)), leg.sql));
    return { sql: pinnedStatement(relations, place), parameters: leg.parameters };
  };
  const read: RawReader['read'] = async (query, columns, options = {}) => {
    const statement = { ...(await bound(query, options)), columns };
    return source.engine.run(statement, options.signal ? { signal: options.signal } : {});
  };
  return {
    compile,
    read,
    fill: async (table, query, columns, options = {}) => {
      const { signal } = options;
      if (source.here !== true) {
        await fillTable(duckdb, table, columns, await read(query, columns, options), signal);
        return;
      }
      const { sql, parameters } = await bound(query, options);
      const names = columns.map((_, i) => `x${i}`).join(', ');
      const cells = columns.map((c, i) => `${exactCast(c.type, `x${i}`)} AS ${quoted(c.name)}`).join(', ');
      await duckdb.execute(
        `CREATE TABLE ${quoted(table)} AS SELECT ${cells} FROM (${sql}) AS leg(${names})`,
        parameters,
        signal ? { signal } : {},
      );
    },
  };
};
