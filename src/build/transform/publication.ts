/**
 * What readers see: one published state of every managed table. A publication moves all tables of a build at once, in one
 * transaction of the warehouse, so a reader that takes one `Publication` never mixes two.
 */
export interface Publication {
  /** Grows by one with each publication; 0 before the first. */
  readonly revision: number;
  readonly tables: ReadonlyMap<string, PublishedTable>;
}

export interface PublishedTable {
  /** `gold.fact_sales`. */
  readonly name: string;
  /** The physical table in Postgres, schema-qualified and quoted, or undefined when the transform has no such target. */
  readonly postgres: string | undefined;
  /** The Delta table's folder and version, or undefined. */
  readonly lake: { readonly path: string; readonly version: number } | undefined;
  /** Changes exactly when the table's contents may have changed: unchanged inputs and definition keep it. */
  readonly dataVersion: string;
  readonly rows: number;
  /** The revision at which this content was published. */
  readonly since: number;
}
