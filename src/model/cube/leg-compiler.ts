import { AssayError, error } from '../../errors/index.js';
import { type CompiledLeg, type Dialect, type LegQuery, placedSql, sqlPieces } from '../../query/index.js';
import { type Catalogue, calendarBucket } from '../catalog/index.js';
import type { Bound } from './bound-value.js';
import type { LegCompiler } from './compiler.js';
import { DUCKDB, POSTGRES } from './dialect-sql.js';
import { type LegDialect, type LegOptions, type LegSqlQuery, legDialect } from './leg-dialect.js';
import { measureOver } from './measure-over.js';
import type { Compilers, CubePackages } from './parts.js';
import { type Shape, Slot, slotted } from './slots.js';
import { type ManySide, sumsFirst } from './sums-first.js';

/** A statement of one shape, as it is kept. A place holds the number of its value, or a constant of the model. */
interface KnownShape extends Omit<CompiledLeg, 'parameters'> {
  readonly places: readonly (number | { readonly constant: Bound })[];
}

const MOST_SHAPES = 5_000;

/**
 * Cube keeps two caches on a compiled model, keyed by less than what decides their contents: one by members alone, one by a fixed
 * list of options. A pair of fresh ones for each new shape costs under a millisecond and leaves nothing that could leak.
 */
const isolated = (compilers: Compilers, QueryCache: CubePackages['QueryCache']): Compilers => {
  const byKey = new Map<string, object>();
  const compilerCache = Object.assign(new QueryCache(), {
    getQueryCache: (key: unknown) => {
      const name = JSON.stringify(key);
      const known = byKey.get(name);
      if (known) return known;
      const made = new QueryCache();
      byKey.set(name, made);
      return made;
    },
  });
  const compiler = Object.create(compilers.compiler, { compilerCache: { value: compilerCache } }) as object;
  return { ...compilers, compilerCache, compiler: compiler as Compilers['compiler'] };
};

/** Cube asks for a granularity's length by its path. Those of our calendars it does not know; the dialect writes their SQL. */
const withCalendars = (compilers: Compilers, { calendars }: Catalogue): Compilers => {
  if (calendars.size === 0) return compilers;
  const { cubeEvaluator } = compilers;
  const resolveGranularity = (path: string | readonly string[], ...rest: unknown[]) => {
    const name: unknown = (typeof path === 'string' ? path.split('.') : path)[3];
    // Cube also asks so for symbols of JavaScript, when it looks a property up
    const own = typeof name === 'string' ? calendarBucket(name, calendars) : undefined;
    return cubeEvaluator.resolveGranularity(path, ...rest) ?? (own && { interval: `1 ${own.unit}` });
  };
  return {
    ...compilers,
    cubeEvaluator: Object.create(cubeEvaluator, { resolveGranularity: { value: resolveGranularity } }),
  };
};

const check = (query: LegQuery, catalogue: Catalogue) => {
  const kind = (name: string, wanted: 'measure' | 'dimension' | 'segment') => {
    const member = catalogue.members.get(name);
    if (!member) throw error('unknown-member', { name });
    if (member.kind !== wanted) throw error('query-invalid', { where: name, what: `this is a ${member.kind}` });
    return member;
  };
  for (const name of query.measures) {
    const member = kind(name, 'measure');
    if (member.additivity === 'ratio')
      throw error('query-invalid', { where: name, what: 'a ratio is divided above legs; ask for its parts' });
  }
  for (const name of query.dimensions) kind(name, 'dimension');
  for (const name of query.segments) kind(name, 'segment');
  for (const { dimension, granularity } of query.time) {
    const member = kind(dimension, 'dimension');
    if (member.granularities.length === 0)
      throw error('query-invalid', { where: dimension, what: 'this is no time dimension' });
    if (!member.granularities.includes(granularity))
      throw error('query-invalid', {
        where: `${dimension}.${granularity}`,
        what: `granularities are ${member.granularities.join(', ')}`,
      });
  }
  const columns = [...query.dimensions, ...query.time.map((t) => `${t.dimension}.${t.granularity}`), ...query.measures];
  if (new Set(columns).size !== columns.length)
    throw error('query-invalid', { where: 'query', what: 'a member stands in it twice' });
  for (const { column } of query.order)
    if (!Number.isInteger(column) || column < 0 || column >= columns.length)
      throw error('query-invalid', { where: 'order', what: `there is no column ${column}` });
  return columns;
};

/** An error of Cube's compiler is the query's, as far as it is an error of the user; anything else is ours. */
const translated = (thrown: unknown): unknown => {
  if (thrown instanceof AssayError || !(thrown instanceof Error)) return thrown;
  if (/timezone/i.test(thrown.message))
    return error('query-invalid', { where: 'timezone', what: 'this is no zone of the IANA list' }, thrown);
  if (/join path|no join|Can't find join/i.test(thrown.message))
    return error('not-supported', { what: 'these members do not join', instead: 'ask for them separately' }, thrown);
  if (thrown.constructor.name === 'UserError')
    return error('not-supported', { what: 'the model cannot express this combination of members' }, thrown);
  return thrown;
};

const noLeg = (catalogue: Catalogue): LegOptions => ({
  leg: {
    measures: [],
    dimensions: [],
    time: [],
    segments: [],
    filters: [],
    order: [],
    limit: undefined,
    offset: undefined,
    timezone: 'UTC',
    ungrouped: false,
  },
  catalogue,
  asWritten: () => {},
});

/** Tables of a leg's joins that have many rows for each row of their partner, as their joins are declared. */
const manySides = (join: LegSqlQuery['join'], catalogue: Catalogue): readonly ManySide[] =>
  (join?.joins ?? []).flatMap(({ originalFrom, originalTo, join: { relationship } }) => {
    const alias = MANY_TO_ONE.has(relationship) ? originalFrom : ONE_TO_MANY.has(relationship) ? originalTo : undefined;
    const table = alias === undefined ? undefined : catalogue.tables.get(alias);
    return alias === undefined || table === undefined ? [] : [{ alias, table }];
  });
const MANY_TO_ONE = new Set(['belongsTo', 'many_to_one']);
const ONE_TO_MANY = new Set(['hasMany', 'one_to_many']);

/** Compiles legs over one compiled model. */
export const legCompiler = (packages: CubePackages, compiled: Compilers, catalogue: Catalogue): LegCompiler => {
  const compilers = withCalendars(compiled, catalogue);
  const dialects: Record<Dialect, LegDialect> = {
    postgres: legDialect(packages, 'postgres', POSTGRES),
    duckdb: legDialect(packages, 'duckdb', DUCKDB),
  };
  const shapes = new Map<string, KnownShape>();

  const render = (query: LegQuery, shape: Shape, slots: number, dialect: Dialect): KnownShape => {
    const columns = check(query, catalogue);
    const tables = new Set<string>();
    const own = isolated(compilers, packages.QueryCache);
    const leg: LegOptions = { leg: shape, catalogue, asWritten: (table) => tables.add(table) };
    const sqlQuery: LegSqlQuery = new dialects[dialect](own, {
      ...leg,
      measures: shape.measures,
      dimensions: shape.dimensions,
      timeDimensions: shape.time.map(({ dimension, granularity }) => ({ dimension, granularity })),
      segments: shape.segments,
      filters: shape.filters,
      order: [],
      timezone: shape.timezone,
      ...(shape.ungrouped && { ungrouped: true, allowUngroupedWithoutPrimaryKey: true }),
      memberToAlias: Object.fromEntries(columns.map((name, i) => [name, `c${i}`])),
      contextSymbols: { securityContext: {} },
      useNativeSqlPlanner: false,
      preAggregationsSchema: '',
    });
    return own.compiler.withQuery(sqlQuery, () => {
      const [marked, params] = sqlQuery.buildSqlAndParams();
      const join = sqlQuery.join;
      const pieces =
        dialect === 'postgres' ? sumsFirst(sqlPieces(marked), manySides(join, catalogue)) : sqlPieces(marked);
      const sql = placedSql(pieces);
      const places = params.map((p) => (p instanceof Slot ? p.index : { constant: p as Bound }));
      const used = new Set(places);
      // a filter that Cube drops must fail loudly: it may be the one that keeps rows from a caller
      for (let i = 0; i < slots; i++)
        if (!used.has(i)) throw error('internal', {}, new Error(`value ${i} did not reach the statement: ${sql}`));
      const named = [...sqlQuery.collectAllMemberNames()].filter((name) => catalogue.members.has(name));
      return Object.freeze({
        sql,
        pieces,
        places,
        tables: [...tables],
        cubes: join ? [...new Set([join.root, ...join.joins.map((j) => j.originalTo)])] : [...sqlQuery.allCubeNames],
        members: [...new Set(named.filter((name) => catalogue.owners.get(name.split('.')[0] ?? '')?.kind === 'cube'))],
        multiplied: join
          ? Object.keys(join.multiplicationFactor).filter((name) => join.multiplicationFactor[name])
          : [],
      });
    });
  };

  return {
    compile: (query, dialect) => {
      const { shape, values } = slotted(query, catalogue);
      const key = `${dialect}${JSON.stringify(shape)}`;
      let known = shapes.get(key);
      if (known) shapes.delete(key);
      else {
        try {
          known = render(query, shape, values.length, dialect);
        } catch (thrown) {
          throw translated(thrown);
        }
        const oldest = shapes.size >= MOST_SHAPES ? shapes.keys().next().value : undefined;
        if (oldest !== undefined) shapes.delete(oldest);
      }
      // the newest stands last, so the first is the one that was not asked for longest
      shapes.set(key, known);
      const { places, ...rest } = known;
      return {
        ...rest,
        parameters: places.map((p) => (typeof p === 'number' ? (values[p] ?? null) : p.constant)),
      };
    },
    measureOver: (measure, columns, dialect) => {
      const own = isolated(compilers, packages.QueryCache);
      const path = catalogue.members.get(measure)?.aliasOf ?? measure;
      const options = { measures: [path], order: [], timezone: 'UTC', useNativeSqlPlanner: false, ...noLeg(catalogue) };
      const query: LegSqlQuery = new dialects[dialect](own, options);
      return own.compiler.withQuery(query, () => measureOver(measure, columns, query, catalogue));
    },
  };
};
