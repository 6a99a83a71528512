import { error } from '../../../errors/index.js';
import type { StoredColumn, StoredDefinition } from './stored.js';

/**
 * What a change means. `metadata`: nothing to rebuild; `additive`: columns were appended; `forward_only`: accepted for partitions made
 * from now on; `breaking`: what readers had is gone or has another value; `indirect`: the file is as it was and what it reads is not.
 */
export type Category = 'new' | 'metadata' | 'additive' | 'forward_only' | 'breaking' | 'indirect' | 'removed';

export interface ContractDifference {
  readonly added: readonly StoredColumn[];
  readonly removed: readonly StoredColumn[];
  readonly changed: readonly { readonly before: StoredColumn; readonly after: StoredColumn }[];
}

/** One table, as an environment has it and as the files want it. */
export interface ModelChange {
  readonly id: string;
  readonly name: string;
  /** Of the files; of what is there when it is removed. */
  readonly version: number;
  readonly before: { readonly version: number; readonly fingerprint: string } | undefined;
  readonly after: { readonly version: number; readonly fingerprint: string } | undefined;
  readonly category: Category;
  /** By an edit of this file, not only by its inputs. */
  readonly direct: boolean;
  /** What changed, one text each: `column revenue has another expression`. */
  readonly reasons: readonly string[];
  readonly contract: ContractDifference;
  /** Columns of the table whose values change, and whether the set of rows does. */
  readonly columns: readonly string[];
  readonly rows: boolean;
  /** Unified diff of the file; '' when its text is the same. */
  readonly diff: string;
  /** Why a plan may not go on with it, and the way out. */
  readonly blocked: string | undefined;
}

export interface CompareOptions {
  /** Ids whose breaking change is wanted without a new version: readers get the new meaning under the old name. */
  readonly restate?: ReadonlySet<string>;
  /** Ids whose change holds for partitions made from now on, as `forward_only: true` in the file says. */
  readonly forwardOnly?: ReadonlySet<string>;
}

/**
 * How a table differs from what is there. Undefined: in nothing. `old` undefined: it is new; `next` undefined: it is removed.
 */
export const compare = (
  _old: StoredDefinition | undefined,
  _next: StoredDefinition | undefined,
  _options: CompareOptions = {},
): ModelChange | undefined => {
  throw error('internal', {});
};
