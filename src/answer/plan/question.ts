import type { Member, Owner } from '../../model/catalog/index.js';
import type { DataType } from '../../query/index.js';
import type { CheckedFilter } from './filter.js';

/** A dimension or bucketed time as asked: its name in the answer, and the member to compile (undefined: a constant mask). */
export interface AskedGroup {
  readonly name: string;
  readonly member: string | undefined;
  readonly type: DataType;
  readonly unit: string | undefined;
  /** Set for times. */
  readonly granularity: string | undefined;
}

/** A measure as asked; `masked` ones are answered as null. */
export interface AskedMeasure {
  readonly member: Member;
  readonly masked: boolean;
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
  /** Conjuncts; names are columns of the answer or measures. */
  readonly having: readonly CheckedFilter[];
  readonly order: readonly AskedOrder[];
  readonly limit: number | undefined;
  readonly offset: number;
  readonly timezone: string;
  /** Every member that the caller named, before masks: policies and the audit ask for them. */
  readonly named: readonly string[];
}
