import { error } from '../../errors/index.js';
import type { Catalogue } from '../../model/catalog/index.js';
import type { LegCompiler } from '../../model/cube/index.js';
import type { Emit } from '../../query/index.js';
import type { Kv } from '../../store/kv/index.js';
import type { RollupDuckDb } from './duckdb.js';
import type { PinnedPartitions, RollupInventory, RollupLayout, RollupPartition } from './inventory.js';

export interface OpenRollupsOptions {
  readonly kv: Kv;
  readonly duckdb: RollupDuckDb;
  /** A folder of this node for copies of partitions; it may be emptied at any time. */
  readonly dir: string;
  /** The model in use. Asked at every reading, so that a reloaded model is seen. */
  readonly model: () => { readonly catalogue: Catalogue; readonly legs: LegCompiler };
  readonly emit: Emit;
  readonly namespace: string;
  /** Bytes that loaded tables may take. Default 512 MiB. Pinned tables are never dropped, so it may be passed for a while. */
  readonly memoryBudget?: number;
  /** Called when a published partition is missing or damaged in the store: build that rollup again. */
  readonly onMissing?: (rollup: string) => void;
  /** Milliseconds between readings of the registry. Default 1,000. */
  readonly pollMilliseconds?: number;
}

/** The rollups of one node: an immutable reading of the registry, and tables loaded from it. */
export interface Rollups {
  /** The last reading. The same object until something changed. */
  inventory(): RollupInventory;
  /** The columns of a rollup of the model in use; undefined when there is no such rollup. */
  layout(rollup: string): RollupLayout | undefined;
  /**
   * Loads partitions into DuckDB and holds them until `release`. Errors: `rollup-unavailable` when one cannot be had now (the
   * inventory then no longer has it: plan again), `cancelled`.
   */
  pin(partitions: readonly RollupPartition[], signal?: AbortSignal): Promise<PinnedPartitions>;
  /** Reads the registry now. */
  refresh(): Promise<void>;
  /** Bytes and tables held now. */
  loaded(): { readonly bytes: number; readonly tables: number };
  close(): Promise<void>;
}

/** Reads the registry once and follows it. A store that is away is no error here: the inventory stays empty until it is back. */
export const openRollups = async (_options: OpenRollupsOptions): Promise<Rollups> => {
  throw error('internal', {});
};
