/** Records of the ledger of transforms: which table was made from what, by whom, and who sees it. Times are microseconds since 1970 UTC. */

/** One meaning of one table. The same `dataHash` is the same table in every environment. */
export interface ModelVersion {
  readonly id: number;
  /** `gold.fact_sales`. */
  readonly name: string;
  readonly version: number;
  readonly fingerprint: string;
  readonly dataHash: string;
  readonly metaHash: string;
  /** The file's text and what was found in it (contract, hashes, lineage), as the plan that brought it saw them. */
  readonly definition: Readonly<Record<string, unknown>>;
  readonly createdAt: bigint;
}

/** Where a model version's rows are, and the state they are in now. */
export interface PhysicalTable {
  readonly versionId: number;
  /** Schema-qualified and quoted; undefined: no such target. */
  readonly postgres: string | undefined;
  /** Below the lake's folder; undefined for a view. */
  readonly lakePath: string | undefined;
  /** The Delta version that is published; -1 before the first. */
  readonly lakeVersion: number;
  /** Changes exactly when the contents do; '' before the first publication. */
  readonly dataVersion: string;
  readonly rows: number;
  readonly bytes: number;
  /** Revision of the publication that changed it last: readers in PostgreSQL are held to it. 0 before the first. */
  readonly changedAt: number;
}

export type IntervalStatus = 'pending' | 'leased' | 'audited' | 'published' | 'quarantined' | 'failed';

/** One partition (or `*`) of a model version. */
export interface Interval {
  readonly versionId: number;
  readonly partition: string;
  readonly status: IntervalStatus;
  readonly attempt: number;
  /** Grows with each lease; whoever holds an older one can write nothing. */
  readonly fence: number;
  readonly leaseOwner: string | undefined;
  readonly leaseUntil: bigint | undefined;
  /** Input to the digest of what was read of it when the published rows were made. Undefined before the first publication. */
  readonly inVersions: Readonly<Record<string, string>> | undefined;
  /** Of the published rows. */
  readonly rows: number;
  readonly bytes: number;
  readonly contentHash: string | undefined;
  readonly scoreMillionths: bigint | undefined;
  readonly coverageMillionths: bigint | undefined;
  readonly engine: string | undefined;
  /** Why this engine, with the numbers of then. */
  readonly route?: string | undefined;
  readonly milliseconds: number | undefined;
  readonly publishedRevision: number | undefined;
  readonly publishedAt: bigint | undefined;
  /** Why the last attempt was refused or failed; undefined when it did not. */
  readonly errorCode: string | undefined;
  readonly errorMessage: string | undefined;
  /** What was staged and audited and waits for its publication; a run that goes on where another stopped takes it from here. */
  readonly staged: StagedInterval | undefined;
}

export interface StagedInterval {
  readonly stepId: string;
  readonly inVersions: Readonly<Record<string, string>>;
  readonly rows: number;
  readonly bytes: number;
  readonly contentHash: string;
  readonly scoreMillionths: bigint | undefined;
  readonly coverageMillionths: bigint;
  readonly engine: string;
  readonly route?: string | undefined;
  readonly milliseconds: number;
  /** Names the restatement that asked for it although its inputs had not changed; undefined where its inputs did. */
  readonly restatement?: string | undefined;
  /** The Delta `add` actions of its files, as JSON. */
  readonly adds: readonly Readonly<Record<string, unknown>>[];
}

export interface Leased {
  readonly versionId: number;
  readonly partition: string;
  readonly fence: number;
}

export interface LeaseRefused {
  readonly versionId: number;
  readonly partition: string;
  readonly owner: string;
  readonly until: bigint;
}

/** A plan as it was printed, bound to what it saw. */
export interface SavedPlan {
  readonly id: string;
  readonly environment: string;
  readonly baseRevision: number;
  readonly body: Readonly<Record<string, unknown>>;
  readonly status: 'open' | 'applied' | 'superseded';
  readonly createdAt: bigint;
}

export interface Environment {
  readonly name: string;
  readonly revision: number;
  readonly lake: string | undefined;
  /** Set by a rollback to the revision that it went back from: `run` waits until a plan is applied. */
  readonly heldFrom: number | undefined;
}

/** One name of one publication. */
export interface TablePointer {
  /** What readers call it: `gold.fact_sales`, or `gold.fact_sales_v1` for a version that is kept beside the newest. */
  readonly name: string;
  readonly versionId: number;
  readonly postgres: string | undefined;
  readonly lakePath: string | undefined;
  readonly lakeVersion: number | undefined;
  readonly dataVersion: string;
  readonly rows: number;
  readonly changedAt: number;
}

export interface PublicationRecord {
  readonly revision: number;
  readonly environment: string;
  readonly runId: string;
  readonly publishedAt: bigint;
  readonly pointers: readonly TablePointer[];
}

/** What a step came to for one partition that the run holds a lease of. */
export type Outcome =
  | (Leased & { readonly status: 'audited'; readonly staged: StagedInterval })
  | (Leased & { readonly status: 'quarantined' | 'failed'; readonly code: string; readonly message: string });

/** A version's partition, as plans name it. */
export interface PartitionOf {
  readonly versionId: number;
  readonly partition: string;
}

/** A physical table as a run saw it. */
export interface SeenTable {
  readonly versionId: number;
  readonly changedAt: number;
}

/** The state that a publication gives a physical table, and what the run saw of it before. */
export interface MovedTable extends SeenTable {
  readonly lakeVersion: number;
  readonly dataVersion: string;
  readonly rows: number;
  readonly bytes: number;
}

/** A name and the version that readers find under it. A `TablePointer` is one. */
export interface PointerTarget {
  readonly name: string;
  readonly versionId: number;
}

export interface EnvironmentPublication {
  readonly environment: string;
  readonly runId: string;
  /** The lake's folder, absolute. */
  readonly lake: string;
  /**
   * What the run saw. A number: the environment's revision; `pointers` is the whole new set, a name that is not in it goes. A map:
   * name to the version that it pointed at (undefined: to none); only its names are set or, when not in `pointers`, go;
   * a name of `pointers` that is not in the map must be new.
   */
  readonly base: number | ReadonlyMap<string, number | undefined>;
  readonly pointers: readonly PointerTarget[];
  /** Physical tables whose rows this transaction changes. */
  readonly moved: readonly MovedTable[];
  /** Physical tables that were read, and must not have been changed since. */
  readonly reads: readonly SeenTable[];
}

export interface EnvironmentRevision {
  readonly environment: string;
  readonly revision: number;
}

export interface Published {
  readonly revision: number;
  /** Other environments that point at a table which moved, with the revisions that they got. */
  readonly others: readonly EnvironmentRevision[];
}

/** An environment with what its readers see. */
export interface EnvironmentState extends Environment {
  /** By name. `versionId` 0: a table from before versions, which is never changed in place and needs no guard. */
  readonly pointers: readonly TablePointer[];
}

/** One edge of the lineage of a version. */
export interface LineageEdge {
  /** Output column; `*` is the set of rows. */
  readonly column: string;
  readonly inputTable: string;
  /** `*` is every column. */
  readonly inputColumn: string;
  readonly type: 'DIRECT' | 'INDIRECT';
  readonly subtype: string;
}

export interface FailingKeysRecord {
  readonly runId: string;
  readonly table: string;
  readonly partition: string;
  readonly check: string;
  readonly keys: readonly string[];
  readonly recordedAt: bigint;
}

/** Figures of one published partition, exact values as text. */
export interface PartitionStats extends PartitionOf {
  readonly stats: Readonly<Record<string, string>>;
}
