import type { Member, Owner, Period } from '../../model/catalog/index.js';
import type { DataType, Shown } from '../../query/index.js';
import type { Span } from './calendar.js';
import type { CheckedFilter } from './filter.js';
import type { Grain } from './grain.js';

/** A dimension or bucketed time as asked: its name in the answer, and the member to compile (undefined: a constant mask). */
export interface AskedGroup {
  readonly name: string;
  /** The member that was named. */
  readonly of: string;
  readonly member: string | undefined;
  readonly type: DataType;
  readonly unit: string | undefined;
  /** Set for times. */
  readonly granularity: string | undefined;
}

/** A half-open stretch of time, in microseconds since 1970 UTC. */
export interface Range {
  readonly from: bigint;
  readonly to: bigint;
}

/** Whose rows a measure reads instead of its row's own: those that end with it, those since a unit began, those of another period. */
export type AskedWindow =
  | { readonly kind: 'trailing'; readonly span: Span }
  | { readonly kind: 'toDate'; readonly unit: Grain }
  | { readonly kind: 'period'; readonly take: Period };

/** A measure as asked; `masked` ones are answered as null. `name` is its column's: the member's, or the given one. */
export interface AskedMeasure {
  readonly name: string;
  readonly member: Member;
  readonly masked: boolean;
  /** Conjuncts that its rows satisfy beside the query's own. */
  readonly where: readonly CheckedFilter[];
  readonly window: AskedWindow | undefined;
}

/** The one time of a query that shifts it, fills it or has windows: what is needed to reckon with its calendar. */
export interface AskedTime {
  /** The member to compile. */
  readonly member: string;
  readonly type: DataType;
  readonly range: Range;
  /** The zone whose calendar counts: the query's, or UTC for dates. */
  readonly zone: string;
  /** Position in `groups` of its buckets, and what these are. */
  readonly bucket: { readonly group: number; readonly grain: Grain } | undefined;
}

/** All measures once more over an earlier stretch. */
export interface AskedComparison {
  readonly as: string;
  /** How far back: negative. */
  readonly span: Span;
  readonly range: Range;
  readonly show: readonly Shown[];
}

/** Order by a column of the answer (by name), or by a measure that is not selected. */
export interface AskedOrder {
  readonly by: string;
  readonly dir: 'asc' | 'desc';
  readonly nulls: 'first' | 'last';
}

/** A query whose every name, value and place was checked for one caller. Nothing is decided yet. */
export interface Question {
  readonly owner: Owner;
  /** Dimensions, then times. */
  readonly groups: readonly AskedGroup[];
  readonly measures: readonly AskedMeasure[];
  /** Measures that only order or having name. */
  readonly hidden: readonly AskedMeasure[];
  readonly segments: readonly string[];
  readonly where: readonly CheckedFilter[];
  /** Ranges of times: conditions like those of `where`. */
  readonly ranges: readonly CheckedFilter[];
  /** Set where `fill`, `compare` or a window needs it. */
  readonly time: AskedTime | undefined;
  readonly fill: boolean;
  readonly compare: readonly AskedComparison[];
  /** What the rows are grouped by, as positions in `groups`: one set, of all of them, without totals. */
  readonly sets: readonly (readonly number[])[];
  /** Whether rows say which of their groups are summed up. */
  readonly totals: boolean;
  /** Conjuncts; names are columns of the answer or measures. */
  readonly having: readonly CheckedFilter[];
  readonly order: readonly AskedOrder[];
  readonly limit: number | undefined;
  readonly offset: number;
  /** Whether rows beyond the page are counted. */
  readonly total: boolean;
  /** Rows one by one. */
  readonly rows: boolean;
  readonly timezone: string;
  /** Every member that the caller named, before masks: policies and the audit ask for them. */
  readonly named: readonly string[];
}
