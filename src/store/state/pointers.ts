import { error } from '../../errors/index.js';
import type { Tx } from '../engine/index.js';
import { type On, stateOf } from './queries.js';

/** What one table is at a revision. */
export interface Pointer {
  readonly name: string;
  /** Schema-qualified and quoted. */
  readonly postgres: string | undefined;
  /** `path` is relative to the lake's folder. */
  readonly lake: { readonly path: string; readonly version: number } | undefined;
  readonly dataVersion: string;
  readonly inputHash: string;
  readonly contentHash: string;
  readonly rows: number;
  readonly since: number;
}

/** All pointers of one revision; 0 has none. */
export interface PointerSet {
  readonly revision: number;
  /** The lake's folder, absolute; undefined before the first publication. */
  readonly lake: string | undefined;
  readonly pointers: readonly Pointer[];
}

const ENVIRONMENT = 'prod';
/** Readers that LISTEN here are told the new revision. */
export const PUBLICATION_CHANNEL = 'assay_publication';

/** The revision that readers see now. */
export const currentRevision = async (on: On, environment: string = ENVIRONMENT): Promise<number> => {
  const row = await stateOf(on)
    .selectFrom('assay.environment')
    .select('revision')
    .where('name', '=', environment)
    .executeTakeFirst();
  return row === undefined ? 0 : Number(row.revision);
};

/** The pointers that readers see now, revision and rows read in one statement. */
export const currentPointers = async (on: On): Promise<PointerSet> => {
  const rows = await stateOf(on)
    .selectFrom('assay.environment')
    .leftJoin('assay.publication_table', 'assay.publication_table.revision', 'assay.environment.revision')
    .select(['assay.environment.revision as at', 'assay.environment.lake as lake'])
    .selectAll('assay.publication_table')
    .where('assay.environment.name', '=', ENVIRONMENT)
    .orderBy('assay.publication_table.name')
    .execute();
  return {
    revision: rows[0] === undefined ? 0 : Number(rows[0].at),
    lake: rows[0]?.lake ?? undefined,
    pointers: rows.flatMap((row) =>
      row.name === null || row.data_version === null || row.input_hash === null || row.content_hash === null
        ? []
        : [
            {
              name: row.name,
              postgres: row.postgres ?? undefined,
              lake:
                row.lake_path === null || row.lake_version === null
                  ? undefined
                  : { path: row.lake_path, version: Number(row.lake_version) },
              dataVersion: row.data_version,
              inputHash: row.input_hash,
              contentHash: row.content_hash,
              rows: Number(row.row_count),
              since: Number(row.since),
            },
          ],
    ),
  };
};

/**
 * Moves readers from `base` to a new set, in the caller's transaction: compare-and-swap under the environment's row lock.
 * Errors: `publish-overtaken` when another build moved them first.
 */
export const publishPointers = async (
  tx: Tx,
  publish: {
    readonly base: number;
    readonly revision: number;
    readonly buildId: string;
    readonly lake: string;
    readonly pointers: readonly Pointer[];
  },
): Promise<void> => {
  const db = stateOf(tx);
  const swapped = await db
    .updateTable('assay.environment')
    .set({ revision: String(publish.revision), lake: publish.lake })
    .where('name', '=', ENVIRONMENT)
    .where('revision', '=', String(publish.base))
    .executeTakeFirst();
  if (swapped.numUpdatedRows !== 1n) throw error('publish-overtaken', { base: publish.base });
  const revision = String(publish.revision);
  await db.insertInto('assay.publication').values({ revision, build_id: publish.buildId }).execute();
  await db
    .insertInto('assay.publication_table')
    .values(
      publish.pointers.map((pointer) => ({
        revision,
        name: pointer.name,
        postgres: pointer.postgres ?? null,
        lake_path: pointer.lake?.path ?? null,
        lake_version: pointer.lake === undefined ? null : String(pointer.lake.version),
        data_version: pointer.dataVersion,
        input_hash: pointer.inputHash,
        content_hash: pointer.contentHash,
        row_count: String(pointer.rows),
        since: String(pointer.since),
      })),
    )
    .execute();
  await tx.query('SELECT pg_notify($1, $2)', [PUBLICATION_CHANNEL, revision]);
};

/** Says where the lake is now, when its folder was moved: for every environment, they share it. */
export const moveLake = async (on: On, lake: string): Promise<void> => {
  await stateOf(on).updateTable('assay.environment').set({ lake }).where('lake', 'is not', null).execute();
};
