import type { DataType } from '../../query/index.js';
import type { DeltaFiles } from './files.js';
import type { ParquetEngine } from './parquet-engine.js';

/** A type of Delta's schema. */
export type DeltaType =
  | string
  | { readonly type: 'array'; readonly elementType: DeltaType; readonly containsNull: boolean }
  | {
      readonly type: 'map';
      readonly keyType: DeltaType;
      readonly valueType: DeltaType;
      readonly valueContainsNull: boolean;
    }
  | DeltaSchema;

export interface DeltaField {
  readonly name: string;
  /** `string`, `long`, `integer`, `decimal(12,2)`, `date`, `timestamp`, ... or a nested type. */
  readonly type: DeltaType;
  readonly nullable: boolean;
  readonly metadata: Readonly<Record<string, unknown>>;
}

export interface DeltaSchema {
  readonly type: 'struct';
  readonly fields: readonly DeltaField[];
}

/** Partition column to its text as the protocol writes it (`2010-12-01`, `true`, `7`); null is the null partition. */
export type PartitionValues = Readonly<Record<string, string | null>>;

/** Our columns' exact types and names, as a table is made of them. */
export interface TableColumn {
  readonly name: string;
  readonly type: DataType;
  readonly nullable: boolean;
}

/** Where the rows of a file that count as deleted are written down. */
export interface DeletionVector {
  /** `u`: a file below the table, named by a UUID in Z85; `p`: a file by its absolute path; `i`: the vector itself, in Z85. */
  readonly storageType: 'u' | 'p' | 'i';
  readonly pathOrInlineDv: string;
  /** Where it begins in its file, in bytes; none for `i`. */
  readonly offset?: number;
  /** Bytes of the vector alone, without its length and checksum. */
  readonly sizeInBytes: number;
  /** Rows that are deleted. */
  readonly cardinality: number;
}

/** A live data file. `path` is as the log has it: URI-encoded, relative to the table or absolute. */
export interface AddFile {
  readonly path: string;
  /** By the physical names of the columns, where the table maps its columns. */
  readonly partitionValues: PartitionValues;
  /** Bytes. */
  readonly size: number;
  /** Milliseconds since 1970. */
  readonly modificationTime: number;
  readonly dataChange: boolean;
  /** JSON text, as the log has it. */
  readonly stats?: string;
  readonly tags?: Readonly<Record<string, string | null>>;
  readonly deletionVector?: DeletionVector;
  /** First row id of the file, where the table tracks rows. */
  readonly baseRowId?: number;
  readonly defaultRowCommitVersion?: number;
  readonly clusteringProvider?: string;
}

export interface RemoveFile {
  readonly path: string;
  readonly deletionTimestamp?: number;
  readonly dataChange: boolean;
  readonly extendedFileMetadata?: boolean;
  readonly partitionValues?: PartitionValues;
  readonly size?: number;
  readonly stats?: string;
  readonly tags?: Readonly<Record<string, string | null>>;
  readonly deletionVector?: DeletionVector;
  readonly baseRowId?: number;
  readonly defaultRowCommitVersion?: number;
}

/** A named configuration that a feature or an application keeps in the log. */
export interface Domain {
  readonly domain: string;
  /** Text that only its owner understands. */
  readonly configuration: string;
  readonly removed: boolean;
}

/** Row numbers of a file that count as deleted, counted from 0 in the file's own order. */
export interface DeletedRows {
  /** How many. */
  readonly cardinality: number;
  /** Ascending runs `[first, last]`, both included. */
  runs(): Iterable<readonly [number, number]>;
}

export interface Protocol {
  readonly minReaderVersion: number;
  readonly minWriterVersion: number;
  readonly readerFeatures?: readonly string[];
  readonly writerFeatures?: readonly string[];
}

export interface Metadata {
  readonly id: string;
  readonly name?: string;
  readonly description?: string;
  readonly format: { readonly provider: string; readonly options: Readonly<Record<string, string>> };
  readonly schemaString: string;
  readonly partitionColumns: readonly string[];
  readonly configuration: Readonly<Record<string, string>>;
  readonly createdTime?: number;
}

export interface Txn {
  readonly appId: string;
  readonly version: number;
  readonly lastUpdated?: number;
}

/** A table by its folder. Cheap: nothing is read until a snapshot is taken. */
export interface DeltaTable {
  /** Absolute folder. */
  readonly path: string;
  readonly files: DeltaFiles;
  /** Reads and writes checkpoints. */
  readonly engine: ParquetEngine;
}

/** What a table holds at one version. Immutable: it may be kept for as long as its files are. */
export interface Snapshot {
  readonly table: DeltaTable;
  readonly version: number;
  readonly protocol: Protocol;
  readonly metadata: Metadata;
  readonly schema: DeltaSchema;
  /** Live files, sorted by path (and by deletion vector, where one file is there twice). */
  readonly adds: readonly AddFile[];
  /** Removed files that a checkpoint must still carry. */
  readonly tombstones: readonly RemoveFile[];
  readonly txns: ReadonlyMap<string, Txn>;
  /** Domains that are not removed, by name; those that we do not know too. */
  readonly domains: ReadonlyMap<string, Domain>;
  /** When this version was committed, milliseconds since 1970; only where the table keeps commit times in its log. */
  readonly inCommitTimestamp?: number;
  /** Deleted rows of the live files that have a deletion vector, by `fileKey`. */
  readonly deletions?: ReadonlyMap<string, DeletedRows>;
}
