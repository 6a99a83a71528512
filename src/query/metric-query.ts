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

/** A time dimension: bucketed by `granularity`, filtered by `range` (half-open), or both. Neither is refused. */
export interface TimeSelection {
  readonly dimension: string;
  readonly granularity?: string;
  /** Dates (`2010-12-01`), local times of the query's zone, or RFC 3339 with offset. */
  readonly range?: readonly [string, string];
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
  readonly measures?: readonly string[];
  readonly dimensions?: readonly string[];
  readonly time?: readonly TimeSelection[];
  readonly segments?: readonly string[];
  readonly where?: Filter;
  readonly having?: Filter;
  readonly order?: readonly OrderItem[];
  readonly limit?: number;
  readonly offset?: number;
  /** IANA zone in which ranges are read and buckets are cut. Default UTC. */
  readonly timezone?: string;
  readonly source?: SourceChoice;
  readonly fresh?: 'published' | 'current';
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
