import type {
  LiveLeg,
  PinnedPartitions,
  RollupEdge,
  RollupInventory,
  RollupLayout,
  RollupPartition,
} from '../../build/rollup/index.js';
import type { PastPublication, Publication } from '../../build/transform/index.js';
import type { Catalogue } from '../../model/catalog/index.js';
import type { LegCompiler } from '../../model/cube/index.js';
import type { Access } from '../../model/policy/index.js';
import type { Caller, Emit, Limits, TableVersion } from '../../query/index.js';
import type { Engine } from '../../store/engine/index.js';
import type { Kv } from '../../store/kv/index.js';
import type { AdmissionLimits } from './admission.js';
import type { QueryLog } from './query-log.js';

/** One compiled model; a query in flight keeps the one that it began with. */
export interface LoadedModel {
  readonly catalogue: Catalogue;
  readonly legs: LegCompiler;
  accessOf(caller: Caller): Access;
}

/** Published tables. `refresh` reads the state store again, after a physical table was found gone. */
export interface Publications {
  current(): Publication;
  refresh(signal?: AbortSignal): Promise<Publication>;
  /** What readers saw at an instant, or with these versions of tables. Without it only the present can be asked for. */
  asOf?(asked: bigint | readonly TableVersion[]): Promise<PastPublication | undefined>;
}

/** The rollups of this node. */
export interface RollupNode {
  inventory(): RollupInventory;
  layout(rollup: string): RollupLayout | undefined;
  /** Moving edges of rollups that are behind a publication, for queries that want current data. */
  edges?(publication: Publication): Promise<ReadonlyMap<string, RollupEdge>>;
  live?(rollup: string, scope: Pick<RollupEdge, 'spans' | 'nulls'>): LiveLeg | undefined;
  /** Loads partitions into the rollup engine and holds them. Errors mean that they cannot be had now. */
  pin(partitions: readonly RollupPartition[], signal?: AbortSignal): Promise<PinnedPartitions>;
}

/** Everything that answering takes. `app.ts` joins it. */
export interface AskParts {
  readonly model: () => LoadedModel;
  readonly publications: Publications;
  readonly rollups: RollupNode;
  readonly engines: { readonly postgres: Engine; readonly lake: Engine; readonly rollup: Engine };
  /** Relation text (for DuckDB) over one snapshot of a Delta table. */
  readonly lakeRelation: (path: string, version: number, signal?: AbortSignal) => Promise<string>;
  readonly rawSource: 'postgres' | 'lake';
  /** Budgets that differ from the defaults, for all or by the caller's roles; a query can only lower them. */
  readonly limits?: Partial<Limits> | ((caller: Caller) => Partial<Limits>);
  /** Bytes of answers kept in memory. Default 64 MiB. */
  readonly cacheBytes?: number;
  readonly emit: Emit;
  /** How many statements run at once on this node, and how many wait. Default 64 and 512. */
  readonly admission?: AdmissionLimits;
  /** A Redis is the second level of the result cache: nodes share answers from the source, and ask each question once. */
  readonly kv?: Kv;
  /** Counts answered queries by their shape; without it nothing is counted. */
  readonly log?: Pick<QueryLog, 'note'>;
  /** What ranges mean by now, in microseconds since 1970; default the system's clock. */
  readonly now?: () => bigint;
  /** Part of the store's keys. */
  readonly namespace?: string;
}
