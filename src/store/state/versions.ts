import { sql } from 'kysely';
import type { ModelVersion, PhysicalTable } from './ledger-types.js';
import { type On, stateOf } from './queries.js';
import { microsOf } from './times.js';

export type NewVersion = Omit<ModelVersion, 'id' | 'createdAt'>;
export type NewPhysical = Pick<PhysicalTable, 'versionId' | 'postgres' | 'lakePath'>;

const selectVersions = (on: On) =>
  stateOf(on)
    .selectFrom('assay.model_version')
    .select(['id', 'name', 'version', 'fingerprint', 'data_hash', 'meta_hash', 'definition'])
    .select(microsOf('created_at').as('created_micros'));
type VersionRow = Awaited<ReturnType<ReturnType<typeof selectVersions>['executeTakeFirstOrThrow']>>;

const versionOf = (row: VersionRow): ModelVersion => ({
  id: Number(row.id),
  name: row.name,
  version: row.version,
  fingerprint: row.fingerprint,
  dataHash: row.data_hash,
  metaHash: row.meta_hash,
  definition: row.definition,
  createdAt: BigInt(row.created_micros),
});

const keyOf = (version: Pick<ModelVersion, 'name' | 'version' | 'dataHash'>): string =>
  `${version.name} ${version.version} ${version.dataHash}`;

/**
 * Gives the versions of these names, numbers and data hashes, in the given order; those that are not there yet are made. One that is
 * there keeps its `metaHash` and `definition`: see `describeVersions`.
 */
export const ensureVersions = async (on: On, list: readonly NewVersion[]): Promise<ModelVersion[]> => {
  if (list.length === 0) return [];
  await sql`
    INSERT INTO assay.model_version (name, version, fingerprint, data_hash, meta_hash, definition)
    SELECT name, version, fingerprint, "dataHash", "metaHash", definition
    FROM json_to_recordset(${JSON.stringify(list)}::json)
      AS v(name text, version integer, fingerprint text, "dataHash" text, "metaHash" text, definition json)
    ORDER BY name, version, "dataHash"
    ON CONFLICT DO NOTHING`.execute(stateOf(on));
  const rows = await selectVersions(on)
    .where(
      'data_hash',
      'in',
      list.map((version) => version.dataHash),
    )
    .execute();
  const found = new Map(rows.map((row) => [keyOf(versionOf(row)), versionOf(row)]));
  return list.flatMap((version) => found.get(keyOf(version)) ?? []);
};

/** Replaces what is said about versions (checks, owner, texts); what they mean never changes. */
export const describeVersions = async (
  on: On,
  list: readonly Pick<ModelVersion, 'id' | 'metaHash' | 'definition'>[],
): Promise<void> => {
  if (list.length === 0) return;
  await sql`
    UPDATE assay.model_version m SET meta_hash = v."metaHash", definition = v.definition
    FROM json_to_recordset(${JSON.stringify(list)}::json) AS v(id bigint, "metaHash" text, definition json)
    WHERE m.id = v.id`.execute(stateOf(on));
};

/** Versions by id; ids that do not exist are left out. */
export const versionsById = async (on: On, ids: readonly number[]): Promise<Map<number, ModelVersion>> => {
  if (ids.length === 0) return new Map();
  const rows = await selectVersions(on).where('id', 'in', ids.map(String)).execute();
  return new Map(rows.map((row) => [Number(row.id), versionOf(row)]));
};

/** How many other versions of one name are looked at: whoever tries out more than these makes a table again for nothing. */
const MOST_OTHERS = 3;

/**
 * Versions of these names that were published, whose set of rows (`definition.rowset`) is one of those given, and that are none of
 * `except`: of each name the last published ones, the newest first.
 */
export const otherVersions = async (
  on: On,
  of: { readonly names: readonly string[]; readonly rowsets: readonly string[]; readonly except: readonly number[] },
): Promise<readonly ModelVersion[]> => {
  const { rows } = await sql<{ id: string }>`
    SELECT id FROM (
      SELECT m.id, row_number() OVER (PARTITION BY m.name ORDER BY t.changed_at DESC, m.id) AS place
      FROM assay.model_version m JOIN assay.physical_table t ON t.version_id = m.id
      WHERE m.name = ANY(${of.names}::text[]) AND m.id <> ALL(${of.except.map(String)}::bigint[])
        AND t.changed_at > 0 AND m.definition ->> 'rowset' = ANY(${of.rowsets}::text[])) AS listed
    WHERE place <= ${MOST_OTHERS} ORDER BY place, id`.execute(stateOf(on));
  const found = await versionsById(
    on,
    rows.map(({ id }) => Number(id)),
  );
  return rows.flatMap(({ id }) => found.get(Number(id)) ?? []);
};

/** Where these versions' rows are, by version id; versions without a physical table are left out. */
export const physicalTables = async (on: On, ids: readonly number[]): Promise<Map<number, PhysicalTable>> => {
  if (ids.length === 0) return new Map();
  const rows = await stateOf(on)
    .selectFrom('assay.physical_table')
    .selectAll()
    .where('version_id', 'in', ids.map(String))
    .execute();
  return new Map(
    rows.map((row) => [
      Number(row.version_id),
      {
        versionId: Number(row.version_id),
        postgres: row.postgres ?? undefined,
        lakePath: row.lake_path ?? undefined,
        lakeVersion: Number(row.lake_version),
        dataVersion: row.data_version,
        rows: Number(row.row_count),
        bytes: Number(row.bytes),
        changedAt: Number(row.changed_at),
      },
    ]),
  );
};

/** Says where versions have or will have their rows. The state of one that is there already stays as it is. */
export const putPhysical = async (on: On, list: readonly NewPhysical[]): Promise<void> => {
  if (list.length === 0) return;
  await sql`
    INSERT INTO assay.physical_table (version_id, postgres, lake_path)
    SELECT "versionId", postgres, "lakePath"
    FROM json_to_recordset(${JSON.stringify(list)}::json) AS p("versionId" bigint, postgres text, "lakePath" text)
    ORDER BY "versionId"
    ON CONFLICT (version_id) DO UPDATE SET postgres = excluded.postgres, lake_path = excluded.lake_path`.execute(
    stateOf(on),
  );
};
