import type { BuildRollupsOptions, RollupSource, SourcesAt } from '../build/rollup/index.js';
import { lakeRelationOf, type Publication, parquetSession } from '../build/transform/index.js';
import type { Config } from '../config/index.js';
import { error } from '../errors/index.js';
import { fileKey, openTable, relationOf } from '../store/delta/index.js';
import type { DuckDb, Warehouse } from '../store/engine/index.js';

/** Which rollups a command is about, and who may end it. */
export interface RollupChoice {
  /** Ids; default: all of the model. Errors: `unknown-member` for one that is not there. */
  readonly only?: readonly string[];
  /** Makes them again, whatever is published. */
  readonly anew?: boolean;
  readonly signal?: AbortSignal;
}

/** A Delta version as rollups remember it. */
const snapshotText = (lake: { readonly path: string; readonly version: number }): string =>
  `${lake.path}@${lake.version}`;

/** Rows of the files that one version of a Delta table has and another has not. Undefined: that cannot be told. */
const movedRows = async (
  duckdb: DuckDb,
  before: string,
  now: { readonly path: string; readonly version: number },
): Promise<string | undefined> => {
  const at = before.lastIndexOf('@');
  if (before.slice(0, at) !== now.path) return undefined;
  const parquet = parquetSession(duckdb);
  const versions = [Number(before.slice(at + 1)), now.version];
  const [old, young] = await Promise.all(versions.map((version) => openTable(now.path, parquet, version)));
  if (!old || !young || JSON.stringify(old.schema) !== JSON.stringify(young.schema)) return undefined;
  // a file with other deleted rows is another file
  const only = (a: typeof old, b: typeof old) => {
    const there = new Set(b.adds.map(fileKey));
    return relationOf(
      a,
      a.adds.filter((add) => !there.has(fileKey(add))),
    );
  };
  return `(SELECT * FROM ${only(old, young)} UNION ALL BY NAME SELECT * FROM ${only(young, old)})`;
};

/**
 * Where rollups read raw rows, at one publication. First the lake, which DuckDB reads where rollups are made; what is only in the
 * warehouse is read there. What both have is compared with both.
 */
export const rollupSources = (
  warehouse: Warehouse,
  duckdb: DuckDb,
  publication: Publication,
  lakeRelation: (path: string, version: number) => Promise<string>,
): Pick<BuildRollupsOptions, 'source' | 'others'> => {
  const { tables } = publication;
  const inLake = (table: string) => {
    const known = tables.get(table);
    return known && lakeRelationOf(known, lakeRelation);
  };
  return {
    source: {
      engine: duckdb.engine,
      here: true,
      has: (table) => tables.get(table)?.lake !== undefined || tables.get(table)?.lakeView !== undefined,
      resolve: (table) => {
        const relation = inLake(table);
        if (!relation)
          throw error('not-supported', { what: `${table} is not in the lake`, instead: 'use ASSAY_RAW=postgres' });
        return relation;
      },
      snapshot: (table) => {
        const lake = tables.get(table)?.lake;
        return lake && snapshotText(lake);
      },
      moved: async (table, before) => {
        const lake = tables.get(table)?.lake;
        return lake && movedRows(duckdb, before, lake);
      },
    },
    others: [
      {
        engine: warehouse.engine,
        has: (table) => !tables.has(table) || tables.get(table)?.postgres !== undefined,
        resolve: (table) => tables.get(table)?.postgres ?? table,
      },
    ],
  };
};

/** The same for a publication that is still the present one; undefined for an earlier one. */
export const sourcesNow =
  (now: () => Publication, ...parts: readonly [Warehouse, DuckDb, Parameters<typeof rollupSources>[3]]): SourcesAt =>
  ({ revision }) => {
    const publication = now();
    const [warehouse, duckdb, lakeRelation] = parts;
    return publication.revision === revision ? rollupSources(warehouse, duckdb, publication, lakeRelation) : undefined;
  };

/** The copy of gold that serves raw queries, at one publication. */
export const rawSourceAt = (
  config: Pick<Config, 'raw'>,
  ...parts: readonly [Warehouse, DuckDb, Publication, Parameters<typeof rollupSources>[3]]
): RollupSource => {
  const { source, others } = rollupSources(...parts);
  return config.raw === 'lake' ? source : (others?.[0] ?? source);
};
