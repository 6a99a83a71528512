import { error } from '../../errors/index.js';
import type { Catalogue } from '../../model/catalog/index.js';
import type { LegCompiler } from '../../model/cube/index.js';
import type { Kv } from '../../store/kv/index.js';
import type { Publication } from '../transform/index.js';

/** One rollup as an operator sees it. */
export interface RollupStatus {
  readonly rollup: string;
  readonly state: 'current' | 'stale' | 'missing' | 'refused';
  readonly partitions: readonly {
    readonly key: string;
    readonly version: string;
    readonly rows: number;
    readonly bytes: number;
  }[];
  readonly rows: number;
  readonly bytes: number;
  /** Publication that it was proven against; undefined when nothing is published. */
  readonly revision: number | undefined;
  /** RFC 3339. */
  readonly builtAt: string | undefined;
  /** What the proof compared. */
  readonly proof: string | undefined;
  /** The last refusal after that, and why. */
  readonly refused: { readonly partition: string; readonly reason: string; readonly at: string } | undefined;
}

export interface RollupStatusOptions {
  readonly kv: Kv;
  readonly catalogue: Catalogue;
  readonly legs: LegCompiler;
  readonly publication: Publication;
  readonly namespace: string;
}

/** What is published of every rollup of the catalogue, compared with a publication. Errors: `redis-unavailable`. */
export const rollupStatus = async (_options: RollupStatusOptions): Promise<readonly RollupStatus[]> => {
  throw error('internal', {});
};
