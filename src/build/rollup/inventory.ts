/** One published partition of a rollup. A time span of null holds the rows whose time is null, or all rows when not partitioned. */
export interface RollupPartition {
  readonly rollup: string;
  /** `2010-12`, or `all`. */
  readonly key: string;
  readonly version: string;
  /** Microseconds since 1970 UTC, half-open. */
  readonly span: { readonly from: bigint; readonly to: bigint } | null;
  readonly rows: number;
  readonly bytes: number;
  /** Contents of the tables that it was made from: table name to data version. */
  readonly builtFrom: ReadonlyMap<string, string>;
}

/** What is published of one rollup definition. */
export interface RollupState {
  readonly rollup: string;
  /** The definition's hash; a state of another hash serves nothing. */
  readonly hash: string;
  readonly partitions: readonly RollupPartition[];
  /** The span that the partitions cover without a hole; null when the rollup has no time. */
  readonly covers: { readonly from: bigint; readonly to: bigint } | null;
  /** True when every row of the source, as of `builtFrom`, is in the partitions: a query without range may be served. */
  readonly complete: boolean;
  readonly builtFrom: ReadonlyMap<string, string>;
  /** The last proof that failed, and why; the partitions above are then older, good ones. */
  readonly refused: { readonly partition: string; readonly reason: string } | undefined;
}

/** One reading of the registry: immutable, so that a query never mixes two versions of a partition. */
export interface RollupInventory {
  readonly states: ReadonlyMap<string, RollupState>;
}

/**
 * The moving edge of a rollup: partitions whose rows may differ from the tables as they are published now. All others hold what
 * raw holds.
 */
export interface RollupEdge {
  readonly rollup: string;
  /** The set that it is the edge of: table name to data version. It says nothing about another one. */
  readonly builtFrom: Readonly<Record<string, string>>;
  readonly spans: readonly { readonly key: string; readonly from: bigint; readonly to: bigint }[];
  /** Rows without a time moved, too. */
  readonly nulls: boolean;
}

/** A rollup table's columns in DuckDB: members and their column names, the same in every partition. */
export interface RollupLayout {
  /** Cube member (a time dimension as `sales.sold_at.day`) to column name (`r0`, `r1`, ...). */
  readonly columns: ReadonlyMap<string, string>;
  /** Measures among them that cannot be summed up from parts: right only at the rollup's own grain. */
  readonly exactGrain?: ReadonlySet<string>;
}

/** Loaded partitions, held until `release`. */
export interface PinnedPartitions {
  /** Table names in DuckDB, quoted, in the order asked. */
  readonly tables: readonly string[];
  release(): void;
}
