import type { CheckResultRow, LineageEdge } from '../../../store/state/index.js';
import type { Transform } from '../files/definition.js';

/** A transform with what the ledger knows of it; what was never published has neither state nor results. */
export interface DocumentedTable {
  readonly transform: Transform;
  /** First digits of the data hash: which meaning of the version is served. */
  readonly fingerprint: string | undefined;
  /** The last results of its checks. */
  readonly results: readonly CheckResultRow[];
  readonly state:
    | {
        readonly rows: number;
        readonly revision: number;
        /** Microseconds since 1970 UTC. */
        readonly publishedAt: bigint;
        /** Keys of its partitions in order; empty for a whole table. */
        readonly partitions: readonly string[];
        readonly scoreMillionths: bigint | undefined;
        readonly coverageMillionths: bigint | undefined;
        /** Partitions whose last attempt was refused: readers see what was there before. */
        readonly quarantined: readonly { readonly partition: string; readonly reason: string }[];
      }
    | undefined;
}

/** A column that another one is made from, or goes into. */
export interface ColumnLink {
  readonly table: string;
  /** `*`: the set of rows. */
  readonly column: string;
  readonly type: LineageEdge['type'];
  readonly how: string;
}

/** All that is said of one table; JSON as it stands: decimals and times are text. */
export interface TableDocument {
  readonly id: string;
  readonly name: string;
  readonly version: number;
  readonly fingerprint: string | undefined;
  readonly file: string;
  readonly description: string;
  readonly owner: string;
  readonly kind: string;
  readonly role: string;
  readonly synthetic: boolean;
  readonly targets: readonly string[];
  readonly naturalKey: readonly string[];
  readonly surrogateKey: string | undefined;
  readonly partition: { readonly column: string; readonly unit: string; readonly lookback: number } | undefined;
  readonly freshnessHours: number | undefined;
  /** Every version of the table; `servedUntil` is the last day (UTC) of one that a newer one takes the place of. */
  readonly versions: readonly {
    readonly id: string;
    readonly version: number;
    readonly servedUntil: string | undefined;
  }[];
  readonly columns: readonly {
    readonly name: string;
    readonly type: string;
    readonly nullable: boolean;
    readonly unit: string | undefined;
    readonly pii: string;
    readonly description: string | undefined;
    readonly upstream: readonly ColumnLink[];
    readonly downstream: readonly ColumnLink[];
  }[];
  /** Columns that decide which rows there are. */
  readonly rowsDecidedBy: readonly ColumnLink[];
  readonly readsFrom: readonly string[];
  readonly readBy: readonly string[];
  readonly minimumScore: string | undefined;
  readonly checks: readonly {
    readonly name: string;
    readonly type: string;
    readonly columns: readonly string[];
    readonly severity: string;
    readonly dimension: string;
    /** Share of rows that may fail, 0 to 1. */
    readonly tolerance: string;
    readonly status: string | undefined;
    /** Share of rows that passed. */
    readonly passed: string | undefined;
    readonly checkedAt: string | undefined;
  }[];
  readonly published:
    | {
        readonly rows: number;
        readonly revision: number;
        readonly at: string;
        readonly partitions: number;
        readonly firstPartition: string | undefined;
        readonly lastPartition: string | undefined;
        /** Of 100; undefined when no check looked at a row. */
        readonly score: string | undefined;
        /** Share of the weight of all checks that looked at something, 0 to 1. */
        readonly coverage: string | undefined;
        readonly quarantined: readonly { readonly partition: string; readonly reason: string }[];
      }
    | undefined;
}

export interface TransformDocs {
  readonly json: { readonly tables: readonly TableDocument[] };
  /** File name (`index.md`, `gold.fact_sales.md`) to text. */
  readonly markdown: ReadonlyMap<string, string>;
}
