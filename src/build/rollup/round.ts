import type { HeldLease } from './lease.js';
import type { Manifest } from './manifest.js';
import type { BuildRollupsOptions, RollupBuildResult } from './options.js';
import type { Shelf } from './registry.js';

/** What became of one rollup, without its name and time. */
export type Outcome = Omit<RollupBuildResult, 'rollup' | 'milliseconds'>;
export const nothing = (outcome: Outcome['outcome']): Outcome => ({
  outcome,
  changed: [],
  kept: [],
  rows: 0,
  bytes: 0,
});

/** One build of one rollup, under its lease. */
export interface Round {
  readonly options: BuildRollupsOptions;
  readonly shelf: Shelf;
  readonly held: HeldLease;
  /** What is published of it now. */
  readonly old: Manifest | undefined;
  /** Data versions of the tables that it is made from. */
  readonly builtFrom: Manifest['builtFrom'];
  readonly snapshots: NonNullable<Manifest['snapshots']>;
  /** `performance.now()` when it began. */
  readonly started: number;
}
