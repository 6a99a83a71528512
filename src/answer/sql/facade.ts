import type { DataType } from '../../query/index.js';

/** A column of a facade table: a visible member. */
export interface FacadeColumn {
  readonly name: string;
  /** The member's full path. */
  readonly member: string;
  readonly kind: 'dimension' | 'measure' | 'segment';
  readonly type: DataType;
  readonly comment: string;
}

/** A visible view or cube as a table. */
export interface FacadeTable {
  readonly name: string;
  readonly comment: string;
  readonly columns: readonly FacadeColumn[];
}

/** All that exists for one visibility in one model version. `key` names its database. */
export interface Facade {
  readonly key: string;
  readonly tables: ReadonlyMap<string, FacadeTable>;
}
