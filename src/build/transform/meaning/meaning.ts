/** What a transform's file means, apart from its layout: the ground of fingerprints, categories of change and lineage. */

/** A column of an input that an output column, or the set of rows, is made from. */
export interface ColumnUse {
  /** Id of a managed table, or name of a source or seed. */
  readonly table: string;
  readonly column: string;
}

export type Subtype =
  | 'IDENTITY'
  | 'TRANSFORMATION'
  | 'AGGREGATION'
  | 'JOIN'
  | 'GROUP_BY'
  | 'FILTER'
  | 'SORT'
  | 'WINDOW'
  | 'CONDITIONAL';

export interface ColumnEdge extends ColumnUse {
  /** DIRECT: its value goes into the output; INDIRECT: it decides which rows or which value. */
  readonly type: 'DIRECT' | 'INDIRECT';
  readonly subtype: Subtype;
}

export interface Lineage {
  /** Output column to what it is made from. */
  readonly columns: ReadonlyMap<string, readonly ColumnEdge[]>;
  /** What decides the set of rows: columns of WHERE, JOIN, GROUP BY, QUALIFY, DISTINCT, LIMIT. */
  readonly rows: readonly ColumnEdge[];
  /** Inputs whose every column must be taken as used, because the statement was not understood that far. */
  readonly opaque: ReadonlySet<string>;
}

/** A construct that some allowed engine does not have, or whose result depends on the order of rows. */
export interface Warning {
  readonly file: string;
  /** From 1. */
  readonly line: number;
  readonly what: string;
}

export interface Meaning {
  /** The SELECT without comments, layout and case of identifiers: equal text, equal statement. */
  readonly canonical: string;
  /** Hash of what decides the set of rows: FROM, WHERE, GROUP BY, ..., kind, partition, keys, and the inputs' parts that these use. */
  readonly rowset: string;
  /** Output column to the hash of its expression and of all it is made from. */
  readonly columns: ReadonlyMap<string, string>;
  /** The same hashes as they would be if no input could change: what this file says by itself. */
  readonly own: { readonly rowset: string; readonly columns: ReadonlyMap<string, string> };
  readonly lineage: Lineage;
  /** Input, as lineage names it, to the hashes of its rows and of those of its columns that are used: a child depends on these only. */
  readonly reads: ReadonlyMap<string, Read>;
  /** Everything of the front matter that decides the table's bytes, in a fixed order. */
  readonly definition: Readonly<Record<string, unknown>>;
  /** Canonical text of each top-level projection; undefined where appending one may change rows (DISTINCT, set operation, ...). */
  readonly projections: readonly string[] | undefined;
  /** Canonical text of the rest of the statement. */
  readonly rest: string;
  /** Part of the statement (`WHERE`, `WITH lines`) to a hash of its text. */
  readonly parts: Readonly<Record<string, string>>;
  readonly warnings: readonly Warning[];
  /** Of a view: id of each table that it reads to that table's `dataHash`. A view stands on just these tables, so they are part of it. */
  readonly over?: Readonly<Record<string, string>>;
  /** sha256 of everything that decides the table's bytes, inputs included; equal hash, equal table. */
  readonly dataHash: string;
  /** sha256 of the rest: checks, owner, descriptions, indexes. */
  readonly metaHash: string;
  /** First 8 hex digits of `dataHash`: in the names of physical tables. */
  readonly fingerprint: string;
}

/** What one statement uses of one input. */
export interface Read {
  readonly rowset: string;
  readonly columns: ReadonlyMap<string, string>;
}
