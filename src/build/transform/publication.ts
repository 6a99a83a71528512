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
  /** The Delta table's folder and version, or undefined: a view has none. */
  readonly lake: { readonly path: string; readonly version: number } | undefined;
  /** Of a view: how it is read in the lake; see `lakeRelationOf`. */
  readonly lakeView?: LakeView;
  /** Changes exactly when the table's contents may have changed: unchanged inputs and definition keep it. */
  readonly dataVersion: string;
  readonly rows: number;
  /** The revision at which this content was published. */
  readonly since: number;
}

/** A view over Delta tables at their published versions. Plain data. */
export interface LakeView {
  /** A relation of DuckDB over `tables`, each called by its `alias`. */
  readonly relation: string;
  readonly tables: readonly { readonly alias: string; readonly path: string; readonly version: number }[];
}

/**
 * The relation of DuckDB over what is published of a table, a view included. `relationAt` gives that of one Delta version. Undefined:
 * the table is not in the lake.
 */
export const lakeRelationOf = (
  table: PublishedTable,
  relationAt: (path: string, version: number) => string | Promise<string>,
): Promise<string> | undefined => {
  const { lake, lakeView } = table;
  if (lake) return Promise.resolve(relationAt(lake.path, lake.version));
  if (!lakeView) return undefined;
  return Promise.all(
    lakeView.tables.map(
      async ({ alias, path, version }) =>
        `${alias} AS NOT MATERIALIZED (SELECT * FROM ${await relationAt(path, version)})`,
    ),
  ).then((given) => `(WITH ${given.join(', ')} SELECT * FROM ${lakeView.relation})`);
};
