import { error } from '../../../errors/index.js';
import type { ContractRules, Kind, Transform } from '../files/definition.js';
import type { ColumnEdge, Meaning } from './meaning.js';

/** A contract column as it is kept: `type` is the text form. */
export type StoredColumn = { readonly name: string; readonly type: string; readonly nullable: boolean };

/** What is kept of a model version, as JSON: enough to compare a later file with it and to print it. */
export type StoredDefinition = {
  readonly format: 1;
  readonly id: string;
  readonly name: string;
  readonly version: number;
  readonly kind: Kind;
  readonly file: string;
  /** The whole file. */
  readonly text: string;
  readonly contract: readonly StoredColumn[];
  readonly rules: ContractRules;
  readonly forwardOnly: boolean;
  readonly canonical: string;
  /** Canonical text without its newest top-level projections is what `additive` compares: each projection's text, in order. */
  readonly projections: readonly string[] | undefined;
  readonly definition: Readonly<Record<string, unknown>>;
  readonly rowset: string;
  readonly columns: Readonly<Record<string, string>>;
  readonly reads: Readonly<
    Record<string, { readonly rowset: string; readonly columns: Readonly<Record<string, string>> }>
  >;
  readonly lineage: {
    readonly columns: Readonly<Record<string, readonly ColumnEdge[]>>;
    readonly rows: readonly ColumnEdge[];
    readonly opaque: readonly string[];
  };
  readonly dataHash: string;
  readonly metaHash: string;
  readonly fingerprint: string;
};

/** What is to be kept of a transform, to compare later files with. */
export const storedOf = (_transform: Transform, _meaning: Meaning): StoredDefinition => {
  throw error('internal', {});
};

/** What was kept, read back. Errors: `internal` when it was written by a later Assay in another form. */
export const readStored = (_definition: Readonly<Record<string, unknown>>): StoredDefinition => {
  throw error('internal', {});
};
