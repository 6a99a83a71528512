import type { Limits } from './caller.js';
import type { TableVersion } from './provenance.js';

/** Comparison operators, with SQL's three-valued logic: none but `isNull` is ever true of a null. Text operators respect case; `i…` do not. */
export const OPERATORS = [
  'eq',
  'ne',
  'in',
  'notIn',
  'gt',
  'gte',
  'lt',
  'lte',
  'between',
  'isNull',
  'isNotNull',
  'contains',
  'startsWith',
  'endsWith',
  'icontains',
  'istartsWith',
  'iendsWith',
  'like',
  'ilike',
] as const;
export type Operator = (typeof OPERATORS)[number];

/** A value as a caller gave it. Decimals and 64-bit integers come as strings. */
export type GivenValue = string | number | boolean;

/** A tree of conditions. `between` takes two values and is half-open: [from, to). `not` negates in three-valued logic. */
export type Filter =
  | { readonly member: string; readonly op: Operator; readonly values?: readonly GivenValue[] }
  | { readonly and: readonly Filter[] }
  | { readonly or: readonly Filter[] }
  | { readonly not: Filter };

/**
 * Whole periods, on the calendar of the query's zone: the one that `of` lies in (a date, a time, or `now`, which is the default), moved
 * back by `before` of them, and `count` of them that end there. `period` is any granularity, also one of a calendar of the model's.
 */
export interface PeriodRange {
  readonly period: string;
  readonly of?: string;
  /** Default 0. */
  readonly before?: number;
  /** Default 1. */
  readonly count?: number;
}

/** A time dimension: bucketed by `granularity`, filtered by `range` (half-open), or both. Neither is refused. */
export interface TimeSelection {
  readonly dimension: string;
  readonly granularity?: string;
  /** Half-open: dates (`2010-12-01`), local times of the query's zone, or RFC 3339 with offset; or whole periods. */
  readonly range?: readonly [string, string] | PeriodRange;
  /** A row for every bucket of the range, also where there are no rows; needs `granularity` and `range`. */
  readonly fill?: boolean;
}

/** Units that windows and shifts count in. */
export const TIME_UNITS = ['second', 'minute', 'hour', 'day', 'week', 'month', 'quarter', 'year'] as const;
export type TimeUnit = (typeof TIME_UNITS)[number];

/**
 * What a measure reads instead of its row's own time: `trailing: '7 days'` ends with the row and is so long, `toDate: 'month'` goes
 * from the start of the unit that the row's last moment lies in. Units are those of every calendar, and `retail_month` of the model's.
 */
export type TimeWindow = { readonly trailing: string } | { readonly toDate: string };

/** A measure over fewer rows (`where`, over dimensions) or over another stretch of time (`window`). `as` names its column. */
export interface MeasureSelection {
  readonly measure: string;
  readonly where?: Filter;
  readonly window?: TimeWindow;
  readonly as: string;
}
export type MeasureItem = string | MeasureSelection;

/** Name of a measure's column: its path, or the name that the query gives it. */
export const measureColumnName = (item: MeasureItem): string => (typeof item === 'string' ? item : item.as);

/** Subtotals: of everything, of every beginning of the list of groups, of every subset of it, or of exactly the sets given (by column names). */
export type Totals = 'none' | 'grand' | 'rollup' | 'cube' | readonly (readonly string[])[];

export const SHOWN = ['value', 'difference', 'ratio'] as const;
export type Shown = (typeof SHOWN)[number];

/**
 * Every measure once more, over a range that lies `shift` earlier: `previous` (as long, just before), a count of units
 * (`1 year`, `52 weeks`, `1 retail_quarter`), or the name of a calendar for one of its years. Columns are `<measure>.<as>`, `<measure>.<as>.difference` and `<measure>.<as>.ratio`; default: the value.
 */
export interface Comparison {
  readonly as: string;
  readonly shift: string;
  readonly show?: readonly Shown[];
}

/** Order by any column's name, or by a measure that is not selected. Default nulls: last. */
export interface OrderItem {
  readonly by: string;
  readonly dir?: 'asc' | 'desc';
  readonly nulls?: 'first' | 'last';
}

/** Which source may serve: `rollup` fails with the miss reason, `raw` never looks at rollups. */
export type SourceChoice = 'auto' | 'raw' | 'rollup';

/** The one internal form of a question; every surface translates to it. Names are full member paths (`retail.country`). */
export interface MetricQuery {
  readonly measures?: readonly MeasureItem[];
  readonly dimensions?: readonly string[];
  readonly time?: readonly TimeSelection[];
  readonly segments?: readonly string[];
  readonly where?: Filter;
  readonly having?: Filter;
  readonly order?: readonly OrderItem[];
  readonly totals?: Totals;
  readonly compare?: readonly Comparison[];
  readonly limit?: number;
  readonly offset?: number;
  /** Counts the rows that there are without `limit` and `offset`; told by the provenance once all rows were read. */
  readonly total?: boolean;
  /** Rows of the fact one by one, not grouped; a measure is then what the row adds to it. */
  readonly rows?: boolean;
  /** The rows behind a measure: those that it counts, by its drill members unless `dimensions` are given. */
  readonly drill?: string;
  /** IANA zone in which ranges are read and buckets are cut. Default UTC. */
  readonly timezone?: string;
  readonly source?: SourceChoice;
  readonly fresh?: 'published' | 'current';
  /**
   * The state of the tables to answer from: that which readers saw at an instant (as in a range), or that of which provenance told
   * these versions. The model is that of now.
   */
  readonly asOf?: string | readonly TableVersion[];
  /** Budgets that are lower than those of the caller's roles. */
  readonly limits?: Partial<Limits>;
}

/** All leaves of a filter tree, in order. */
export const filterLeaves = (filter: Filter | undefined): Extract<Filter, { member: string }>[] => {
  if (!filter) return [];
  if ('member' in filter) return [filter];
  if ('not' in filter) return filterLeaves(filter.not);
  return ('and' in filter ? filter.and : filter.or).flatMap(filterLeaves);
};

/** Name of a bucketed time in answers, `order` and `having`: `retail.sold_at.day`. */
export const timeColumnName = (time: TimeSelection): string =>
  time.granularity ? `${time.dimension}.${time.granularity}` : time.dimension;

/** Name of the flag that tells a total from a group whose value is null: `retail.country.is_total`. */
export const totalFlagName = (group: string): string => `${group}.is_total`;

/** Name of a comparison's column: `retail.net_revenue.before`, `retail.net_revenue.before.ratio`. */
export const comparisonName = (measure: string, as: string, shown: Shown): string =>
  shown === 'value' ? `${measure}.${as}` : `${measure}.${as}.${shown}`;
