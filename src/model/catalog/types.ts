import type { DataType } from '../../query/index.js';
import type { Calendar } from './calendar.js';
import type { FeatureCatalogue } from './features.js';
import type { Place } from './place.js';

/** How a measure may be summed up from parts. `semi`: over everything but the dimension that `semiAdditive` names. */
export type Additivity = 'sum' | 'min' | 'max' | 'count_distinct' | 'ratio' | 'semi' | 'none';

/** A level, such as stock on hand: of the values by `over`, one is taken. */
export interface SemiAdditive {
  /** A dimension of the same owner, or of the cube behind a view that does not include it. */
  readonly over: string;
  readonly take: 'last' | 'first' | 'avg' | 'min' | 'max';
  /** `forward`: where a stretch of time has no rows, what was last before it. */
  readonly carry: 'none' | 'forward';
  /** How its values for one value of `over` are summed up, and their exact type. */
  readonly base: Additivity;
  readonly type: DataType;
}

/** A measure of a measure: first for each of `by`, then those values are taken together. */
export interface Stage {
  readonly measure: string;
  readonly by: readonly string[];
  readonly take: 'sum' | 'avg' | 'min' | 'max' | 'count';
  /** Only values that satisfy all of these are taken. */
  readonly conditions: readonly StageCondition[];
  /** Whether what has no value of some `by` is left out. */
  readonly known: boolean;
}

/** What a stage's values are compared with; null satisfies none of them. `value` is a number's text, so that it stays exact. */
export const STAGE_OPERATORS = { eq: '=', ne: '<>', gt: '>', gte: '>=', lt: '<', lte: '<=' } as const;
export interface StageCondition {
  readonly op: keyof typeof STAGE_OPERATORS;
  readonly value: string;
}

/** Which stretch of time, reckoned from a row's own period, a measure is over. */
export const PERIODS = ['previous', 'with_previous', 'before', 'until_end'] as const;
export type Period = (typeof PERIODS)[number];

/** A measure over another stretch than its row's: the period before it, both together, all before it, or all up to its end. */
export interface PeriodOf {
  readonly measure: string;
  readonly take: Period;
}

/** A measure less another one. */
export interface Difference {
  readonly of: string;
  readonly less: string;
}

/** A measure at a fixed level of detail: whatever else a query groups by, it is grouped by these cube members only. */
export interface Level {
  readonly measure: string;
  readonly by: readonly string[];
}

/** A member of a view or cube, as the model declares it and Cube compiled it. Names are full paths. */
export interface Member {
  readonly name: string;
  /** The view or cube that it belongs to. */
  readonly owner: string;
  readonly kind: 'measure' | 'dimension' | 'segment';
  /** For a view's member: the cube member behind it, else undefined. */
  readonly aliasOf: string | undefined;
  readonly title: string;
  readonly description: string;
  readonly type: DataType;
  /** Cube's own type: `sum`, `count`, `count_distinct`, `number`, `time`, `string`, ... */
  readonly cubeType: string;
  readonly unit: string | undefined;
  readonly format: string | undefined;
  readonly synonyms: readonly string[];
  readonly pii: 'none' | 'pseudonymous' | 'direct';
  /** Measures only. A ratio's parts are members of the same owner. */
  readonly additivity: Additivity;
  /** Measures only: true when the measure has filters of its own, so that a count of it does not count every row. */
  readonly filtered?: boolean;
  readonly ratio: { readonly numerator: string; readonly denominator: string } | undefined;
  readonly semiAdditive?: SemiAdditive;
  readonly stage?: Stage;
  readonly level?: Level;
  readonly period?: PeriodOf;
  readonly difference?: Difference;
  /** A view's member: the cubes on the way from a fact to the one that has it, both included. */
  readonly path?: readonly string[];
  /** A view's dimension: cube members that stand for it in the facts that it cannot be reached from. */
  readonly conforms?: readonly string[];
  /** A view's measure: true where dimensions of the view may multiply its rows, so that finer groups do not add up to coarser ones. */
  readonly multipliable?: boolean;
  /** A cube's measure: the members that its SQL and filters name. */
  readonly reads?: readonly string[];
  /** A cube's dimension that is another member and nothing more (`sql: "{countries.country_name}"`): that member. */
  readonly sameAs?: string;
  /** Time dimensions only: granularities that may be asked for, finest first. */
  readonly granularities: readonly string[];
  readonly primaryKey: boolean;
  readonly searchable: boolean;
  /** Somebody vouches for it: search puts it before its like. */
  readonly certified?: boolean;
  readonly drillMembers: readonly string[];
  readonly public: boolean;
  /** The dimension that stands in for this one where it is masked as a pseudonym (a cube member), else undefined. */
  readonly pseudonym: string | undefined;
  readonly place: Place;
}

/** A cube or view. */
export interface Owner {
  readonly name: string;
  readonly kind: 'cube' | 'view';
  readonly title: string;
  readonly description: string;
  readonly public: boolean;
  readonly members: readonly string[];
  /** A view's root cube (the first of its join paths); a cube's own name. */
  readonly root: string;
  readonly meta: Readonly<Record<string, unknown>>;
  readonly place: Place;
  /** A cube's `sql_table` or `sql`. */
  readonly source?: Place;
}

export type JoinKind = 'belongsTo' | 'hasMany' | 'hasOne';
export interface Join {
  readonly from: string;
  readonly to: string;
  readonly kind: JoinKind;
  readonly place?: Place;
}

/** How it is found out that tables moved which no transform builds. */
export interface RefreshKey {
  /** How often is looked. */
  readonly seconds: number;
  /** What is looked at: a SELECT whose result tells whether the tables moved. Undefined: time itself moves them. */
  readonly sql: string | undefined;
}

/** A rollup as the model defines it. Members are cube members. */
export interface RollupDefinition {
  /** `sales.by_day`. */
  readonly id: string;
  readonly cube: string;
  readonly measures: readonly string[];
  readonly dimensions: readonly string[];
  readonly timeDimension: string | undefined;
  readonly granularity: string | undefined;
  readonly partitionGranularity: string | undefined;
  readonly timezone: 'UTC';
  /** When tables that no transform builds count as moved; without it they always do. */
  readonly refresh?: RefreshKey;
  /** SHA-256 of everything that decides its contents; another hash is another rollup. */
  readonly hash: string;
  readonly place: Place;
}

/** A policy of the model, its value functions bound to Cube's evaluator. */
export interface Policy {
  /** `sales#0`: owner and position, stable within a model version. */
  readonly id: string;
  readonly owner: string;
  /** Groups that it speaks to; `*` is everybody. */
  readonly groups: readonly string[];
  readonly condition: (attributes: Readonly<Record<string, unknown>>) => boolean;
  readonly members: { readonly includes: readonly string[]; readonly excludes: readonly string[] } | undefined;
  readonly masking: { readonly includes: readonly string[]; readonly excludes: readonly string[] } | undefined;
  /** Undefined: all rows. */
  readonly rows: readonly RowRule[] | undefined;
}

/** A row rule. `values` is evaluated per caller; an empty list or an error means that no row passes. */
export type RowRule =
  | {
      readonly member: string;
      readonly operator: string;
      readonly values: (attributes: Readonly<Record<string, unknown>>) => readonly unknown[];
    }
  | { readonly and: readonly RowRule[] }
  | { readonly or: readonly RowRule[] };

/** The compiled model: frozen, shared by all callers, replaced as a whole. */
export interface Catalogue {
  /** SHA-256 of the model's files, 16 hex digits. */
  readonly version: string;
  readonly owners: ReadonlyMap<string, Owner>;
  readonly members: ReadonlyMap<string, Member>;
  readonly joins: readonly Join[];
  readonly rollups: readonly RollupDefinition[];
  readonly policies: ReadonlyMap<string, readonly Policy[]>;
  /** Cubes whose table is `sql_table`: cube name to the table's name as written (`gold.fact_sales`). */
  readonly tables: ReadonlyMap<string, string>;
  /** Entities, feature views and services; absent where the model has none. */
  readonly features?: FeatureCatalogue;
  /** The model's own calendars, by name. */
  readonly calendars: ReadonlyMap<string, Calendar>;
}
