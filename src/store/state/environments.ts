import { sql } from 'kysely';
import { error } from '../../errors/index.js';
import type { Tx } from '../engine/index.js';
import type { Environment, EnvironmentState, PublicationRecord, TablePointer } from './ledger-types.js';
import { type On, stateOf } from './queries.js';
import { microsOf } from './times.js';

interface PointerRow {
  readonly name: string | null;
  readonly version_id: string | null;
  readonly postgres: string | null;
  readonly lake_path: string | null;
  readonly lake_version: string | null;
  readonly data_version: string | null;
  readonly row_count: string | null;
  readonly changed_at: string | null;
}

const POINTER = ['name', 'version_id', 'postgres', 'lake_path', 'lake_version', 'data_version'] as const;
const pointerOf = (row: PointerRow): TablePointer[] =>
  row.name === null
    ? []
    : [
        {
          name: row.name,
          versionId: Number(row.version_id ?? 0),
          postgres: row.postgres ?? undefined,
          lakePath: row.lake_path ?? undefined,
          lakeVersion: row.lake_version === null ? undefined : Number(row.lake_version),
          dataVersion: row.data_version ?? '',
          rows: Number(row.row_count ?? 0),
          changedAt: Number(row.changed_at ?? 0),
        },
      ];

interface EnvironmentRow {
  readonly name: string;
  readonly revision: string;
  readonly lake: string | null;
  readonly held_from: string | null;
}
const environmentOf = (row: EnvironmentRow): Environment => ({
  name: row.name,
  revision: Number(row.revision),
  lake: row.lake ?? undefined,
  heldFrom: row.held_from === null ? undefined : Number(row.held_from),
});

/** All environments by name. */
export const listEnvironments = async (on: On): Promise<Environment[]> => {
  const rows = await stateOf(on)
    .selectFrom('assay.environment')
    .select(['name', 'revision', 'lake', 'held_from'])
    .orderBy(sql`name COLLATE "C"`)
    .execute();
  return rows.map(environmentOf);
};

/** The error for a name that no environment has. */
export const unknownEnvironment = async (on: On, name: string): Promise<Error> =>
  error('environment-unknown', { environment: name, known: (await listEnvironments(on)).map((known) => known.name) });

/** An environment and what its readers see, read in one statement. Errors: `environment-unknown`. */
export const currentEnvironment = async (on: On, name: string): Promise<EnvironmentState> => {
  const { rows } = await sql<PointerRow & { at: string; in_lake: string | null; held_from: string | null }>`
    SELECT e.revision AS at, e.lake AS in_lake, e.held_from, t.name, t.version_id, t.postgres, t.lake_path,
      t.lake_version, t.data_version, t.row_count, t.changed_at
    FROM assay.environment e LEFT JOIN assay.publication_table t ON t.revision = e.revision
    WHERE e.name = ${name} ORDER BY t.name COLLATE "C"`.execute(stateOf(on));
  const [first] = rows;
  if (first === undefined) throw await unknownEnvironment(on, name);
  return {
    ...environmentOf({ name, revision: first.at, lake: first.in_lake, held_from: first.held_from }),
    pointers: rows.flatMap(pointerOf),
  };
};

// An environment that was dropped and made again does not show what its name once had.
const recordsOf = (on: On, environment: string) =>
  stateOf(on)
    .selectFrom('assay.publication as p')
    .innerJoin('assay.environment as e', 'e.name', 'p.environment')
    .select(['p.revision', 'p.environment', 'p.build_id', microsOf('p.published_at').as('published')])
    .where('p.environment', '=', environment)
    .whereRef('p.published_at', '>=', 'e.created_at');

const withPointers = async (
  on: On,
  records: Awaited<ReturnType<ReturnType<typeof recordsOf>['execute']>>,
): Promise<PublicationRecord[]> => {
  if (records.length === 0) return [];
  const rows = await stateOf(on)
    .selectFrom('assay.publication_table')
    .select([...POINTER, 'revision', 'row_count', 'changed_at'])
    .where(
      'revision',
      'in',
      records.map((record) => record.revision),
    )
    .orderBy(sql`name COLLATE "C"`)
    .execute();
  return records.map((record) => ({
    revision: Number(record.revision),
    environment: record.environment,
    runId: record.build_id,
    publishedAt: BigInt(record.published),
    pointers: rows.filter((row) => row.revision === record.revision).flatMap(pointerOf),
  }));
};

/** One publication of an environment; undefined when there is none of that revision. */
export const publicationAt = async (
  on: On,
  environment: string,
  revision: number,
): Promise<PublicationRecord | undefined> => {
  const records = await recordsOf(on, environment).where('p.revision', '=', String(revision)).execute();
  return (await withPointers(on, records))[0];
};

/** The last publications of an environment, newest first. */
export const publications = async (on: On, environment: string, limit: number): Promise<PublicationRecord[]> =>
  withPointers(on, await recordsOf(on, environment).orderBy('p.revision', 'desc').limit(limit).execute());

/** Makes an environment without tables; one that is there stays as it is. */
export const createEnvironment = async (on: On, name: string): Promise<Environment> => {
  // Asked first: ON CONFLICT alone waits for a publication that is about to move the row.
  await sql`
    INSERT INTO assay.environment (name, revision, created_at) SELECT ${name}, 0, clock_timestamp()
    WHERE NOT EXISTS (SELECT FROM assay.environment WHERE name = ${name}) ON CONFLICT DO NOTHING`.execute(stateOf(on));
  const { pointers: _pointers, ...environment } = await currentEnvironment(on, name);
  return environment;
};

/** Holds an environment after a rollback from `from`, or lets it go. Errors: `environment-unknown`. */
export const holdEnvironment = async (on: On, name: string, from: number | undefined): Promise<void> => {
  const held = await stateOf(on)
    .updateTable('assay.environment')
    .set({ held_from: from === undefined ? null : String(from) })
    .where('name', '=', name)
    .executeTakeFirst();
  if (held.numUpdatedRows !== 1n) throw await unknownEnvironment(on, name);
};

/** Removes an environment; its tables stay until they are collected, its publications in the books. Errors: `environment-unknown`. */
export const dropEnvironment = async (tx: Tx, name: string): Promise<void> => {
  const dropped = await stateOf(tx).deleteFrom('assay.environment').where('name', '=', name).executeTakeFirst();
  if (dropped.numDeletedRows !== 1n) throw await unknownEnvironment(tx, name);
};
