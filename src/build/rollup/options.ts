import type { AssayError } from '../../errors/index.js';
import type { Catalogue } from '../../model/catalog/index.js';
import type { LegCompiler } from '../../model/cube/index.js';
import type { Emit } from '../../query/index.js';
import type { Kv } from '../../store/kv/index.js';
import type { RollupDuckDb } from './duckdb.js';
import type { RollupSource } from './raw.js';

/** One publication of the managed tables, as far as rollups need to know it: `build/transform`'s `Publication` is one. */
export interface PublishedTables {
  /** Grows with each publication. */
  readonly revision: number;
  /** `dataVersion` changes when the contents may have changed. */
  readonly tables: ReadonlyMap<string, { readonly dataVersion: string; readonly rows: number }>;
}

/** What a build of rollups takes. */
export interface BuildRollupsOptions {
  readonly catalogue: Catalogue;
  readonly legs: LegCompiler;
  readonly publication: PublishedTables;
  /** What rollups are made from; where it does not have all tables of one, the first of `others` that has them. */
  readonly source: RollupSource;
  /** Other copies of the same publication: the first that has the tables is compared by its totals, too. */
  readonly others?: readonly RollupSource[];
  readonly duckdb: RollupDuckDb;
  readonly kv: Kv;
  /** A folder for temporary files. */
  readonly dir: string;
  readonly emit: Emit;
  readonly namespace: string;
  readonly signal?: AbortSignal;
  /** Ids of the rollups to look at; default all of the catalogue. */
  readonly only?: readonly string[];
  /** Makes every partition again, whatever is published: for `assay rollups build --full`. */
  readonly anew?: boolean;
  /** Asked before an older publication would replace a newer one's rollup. Without it such a build is `superseded`. */
  readonly current?: () => Promise<PublishedTables>;
  /**
   * The newest publication with its source, for a rollup whose tables were changed while it was read: it is given up and built again
   * on these, as are those after it. Without it such a build has failed, and the next round makes it.
   */
  readonly renew?: () => Promise<Pick<BuildRollupsOptions, 'publication' | 'source' | 'others'>>;
  /** How long a lease lives without renewal: so long a killed builder holds up the next. Default 15,000. */
  readonly leaseMilliseconds?: number;
  /** How long to wait for another builder's lease. Default: twice the lease's life. */
  readonly waitMilliseconds?: number;
  /** How long versions that were replaced stay for readers that may hold them. Default 600,000. */
  readonly graceMilliseconds?: number;
}

/**
 * What became of one rollup. `current`: nothing to do; `built`: a new set of partitions is published; `refused`: the proof failed,
 * the last good set stays; `busy`: another builder holds the lease; `superseded`: a newer publication's set is there already;
 * `overtaken`: another builder took over, nothing of ours was published; `failed`: see `error`.
 */
export interface RollupBuildResult {
  readonly rollup: string;
  readonly outcome: 'current' | 'built' | 'refused' | 'busy' | 'superseded' | 'overtaken' | 'failed';
  /** Keys of partitions that were read from the source again; undefined: all of them. */
  readonly made?: readonly string[];
  /** Keys of partitions that got a new version, and of those that kept theirs. */
  readonly changed: readonly string[];
  readonly kept: readonly string[];
  readonly rows: number;
  readonly bytes: number;
  readonly milliseconds: number;
  /** Why it was refused: the first difference between rollup and raw. */
  readonly reason?: string;
  readonly error?: AssayError;
}
