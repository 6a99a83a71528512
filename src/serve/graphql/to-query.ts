import type { FieldNode, GraphQLResolveInfo } from 'graphql/index.js';
import { error } from '../../errors/index.js';
import type {
  Filter,
  Limits,
  MeasureItem,
  MetricQuery,
  OrderItem,
  TableVersion,
  TimeSelection,
} from '../../query/index.js';
import { type ComputedArguments, computedMeasures, computedParts } from './computed-query.js';
import { filterOf, type Paths } from './filters.js';
import { type PeriodArguments, periodRanges } from './period-types.js';
import { fieldsBelow } from './selection.js';
import type { View } from './view.js';

/** Arguments of a view's field, as the schema typed them. */
export interface ViewArguments extends ComputedArguments, PeriodArguments {
  readonly where?: Readonly<Record<string, unknown>> | null;
  readonly having?: Readonly<Record<string, unknown>> | null;
  readonly orderBy?: readonly { by: string; dir?: 'asc' | 'desc' | null; nulls?: 'first' | 'last' | null }[] | null;
  readonly segments?: readonly string[] | null;
  readonly first?: number | null;
  readonly after?: string | null;
  readonly timezone?: string | null;
  readonly source?: MetricQuery['source'] | null;
  readonly fresh?: MetricQuery['fresh'] | null;
  readonly asOf?: { readonly at?: string | null; readonly tables?: readonly TableVersion[] | null } | null;
  readonly limits?: { readonly [name in keyof Limits]?: number | null } | null;
}

/** A page's place is the number of rows before it: the order of rows is total, so it is stable while the data is. */
export const cursorOf = (rowsBefore: number): string => Buffer.from(`o${rowsBefore}`).toString('base64url');
const offsetOf = (cursor: string): number => {
  const match = /^o(\d{1,9})$/.exec(Buffer.from(cursor, 'base64url').toString());
  if (!match) throw error('query-invalid', { where: 'after', what: 'is no cursor of this connection' });
  return Number(match[1]);
};

/**
 * The metric query of a field: the members selected in `nodes`, each once, in the order of their first mention. A range of times in
 * the outermost `where` becomes the query's time range, which rollups can serve. `limit` is left to the page.
 */
export const toQuery = (
  view: View,
  args: ViewArguments,
  nodes: readonly FieldNode[],
  info: Pick<GraphQLResolveInfo, 'fragments' | 'variableValues'>,
): MetricQuery => {
  const dimensions: string[] = [];
  const measures: MeasureItem[] = [];
  const time: TimeSelection[] = [];
  for (const [name, fields] of fieldsBelow(nodes, info)) {
    const timed = view.times.get(name);
    if (timed)
      for (const bucket of fieldsBelow(fields, info).keys())
        if (bucket === 'value') dimensions.push(timed.name);
        else time.push({ dimension: timed.name, granularity: bucket });
    const dimension = view.dimensions.get(name);
    if (dimension) dimensions.push(dimension.name);
    const measure = view.measures.get(name);
    // what a row adds to the measure that is drilled into is there without being asked for
    if (measure && measure.name !== args.drill) measures.push(measure.name);
  }
  measures.push(...computedMeasures(args, wherePaths(view)));
  if (dimensions.length + measures.length + time.length === 0 && !args.drill)
    throw error('query-invalid', { where: `${view.name}.nodes`, what: 'no member is selected' });

  const { ranges, rest } = timeRanges(view, args.where ?? {});
  for (const [dimension, range] of periodRanges(args)) {
    if (ranges.has(dimension))
      throw error('query-invalid', { where: 'periods', what: `${dimension} has a range in where already` });
    ranges.set(dimension, range);
  }
  for (const [dimension, range] of ranges) {
    const at = time.findIndex((t) => t.dimension === dimension);
    const bucketed = time[at];
    if (bucketed) time[at] = { ...bucketed, range };
    else time.push({ dimension, range });
  }
  if (args.fill && time[0]) time[0] = { ...time[0], fill: true };
  const where = filterOf(rest, wherePaths(view), 'where');
  const having: Filter | undefined = filterOf(args.having ?? {}, pathsOf(view.measures), 'having');
  const order: OrderItem[] = (args.orderBy ?? []).map(({ by, dir, nulls }) => ({
    by,
    dir: dir ?? 'asc',
    nulls: nulls ?? 'last',
  }));
  const offset = typeof args.after === 'string' ? offsetOf(args.after) : 0;
  return {
    ...(measures.length > 0 ? { measures } : {}),
    ...(dimensions.length > 0 ? { dimensions } : {}),
    ...(time.length > 0 ? { time } : {}),
    ...(args.segments?.length ? { segments: args.segments } : {}),
    ...(where ? { where } : {}),
    ...(having ? { having } : {}),
    ...(order.length > 0 ? { order } : {}),
    ...computedParts(args),
    ...(offset > 0 ? { offset } : {}),
    ...(args.timezone ? { timezone: args.timezone } : {}),
    ...(args.source ? { source: args.source } : {}),
    ...(args.fresh ? { fresh: args.fresh } : {}),
    ...(args.asOf ? { asOf: asOfOf(args.asOf) } : {}),
    ...(args.limits ? { limits: budgetsOf(args.limits) } : {}),
  };
};

const asOfOf = ({ at, tables }: NonNullable<ViewArguments['asOf']>): NonNullable<MetricQuery['asOf']> => {
  if (tables && !at) return tables.map(({ table, version }) => ({ table, version }));
  if (at && !tables) return at;
  throw error('query-invalid', { where: 'asOf', what: 'at or tables is wanted, and one of them only' });
};

/** Budgets that are given; a null is one that was left out. */
const budgetsOf = (limits: NonNullable<ViewArguments['limits']>): Partial<Limits> =>
  Object.fromEntries(Object.entries(limits).filter(([, wish]) => wish !== null && wish !== undefined));

const pathsOf = (members: View['measures']): Paths => new Map([...members].map(([name, m]) => [name, m.name]));
const wherePaths = (view: View): Paths => new Map([...pathsOf(view.dimensions), ...pathsOf(view.times)]);

/** Takes `between` of time dimensions out of the outermost conditions, which are joined by "and". */
const timeRanges = (view: View, where: Readonly<Record<string, unknown>>) => {
  const ranges = new Map<string, NonNullable<TimeSelection['range']>>();
  const rest: Record<string, unknown> = {};
  for (const [name, given] of Object.entries(where)) {
    const member = view.times.get(name);
    const { between, ...others } = (given ?? {}) as { between?: unknown };
    if (member && Array.isArray(between) && between.length === 2) {
      ranges.set(member.name, [String(between[0]), String(between[1])]);
      if (Object.keys(others).length > 0) rest[name] = others;
    } else rest[name] = given;
  }
  return { ranges, rest };
};
