import { sql } from 'kysely';
import { error } from '../../errors/index.js';
import type { Tx } from '../engine/index.js';
import { currentEnvironment, listEnvironments } from './environments.js';
import type {
  EnvironmentPublication,
  EnvironmentRevision,
  EnvironmentState,
  MovedTable,
  PointerTarget,
  Published,
  SeenTable,
} from './ledger-types.js';
import { PUBLICATION_CHANNEL } from './pointers.js';
import { stateOf } from './queries.js';

type Mode = 'moved' | 'read';

const nameOf = async (tx: Tx, versionId: number) => {
  const row = await stateOf(tx)
    .selectFrom('assay.model_version')
    .select(['name', 'version'])
    .where('id', '=', String(versionId))
    .executeTakeFirst();
  return { model: row?.name ?? `version ${versionId}`, version: row?.version ?? 0 };
};

const lockRun = async (tx: Tx, mode: Mode, seen: readonly SeenTable[]): Promise<void> => {
  const { rows } = await sql<{ version_id: string; changed_at: string }>`
    SELECT version_id, changed_at FROM assay.physical_table
    WHERE version_id = ANY(${seen.map((table) => String(table.versionId))}::bigint[])
    ORDER BY version_id ${mode === 'moved' ? sql`FOR NO KEY UPDATE` : sql`FOR SHARE`}`.execute(stateOf(tx));
  const now = new Map(rows.map((row) => [Number(row.version_id), Number(row.changed_at)]));
  for (const { versionId, changedAt } of seen) {
    const at = now.get(versionId);
    if (at === undefined) throw error('version-gone', await nameOf(tx, versionId));
    if (at !== changedAt) throw error('publish-overtaken', { table: (await nameOf(tx, versionId)).model });
  }
};

/**
 * Takes the rows of physical tables for the rest of the transaction (read committed) and checks that they are as the run saw them:
 * call it before any rows are changed. All transactions take them in one order, so they never wait for each other.
 * Errors: `publish-overtaken`, `version-gone`.
 */
export const lockTables = async (
  tx: Tx,
  tables: { readonly moved: readonly SeenTable[]; readonly reads: readonly SeenTable[] },
): Promise<void> => {
  const moved = new Set(tables.moved.map((table) => table.versionId));
  const all = [
    ...tables.moved.map((table) => ({ mode: 'moved' as Mode, table })),
    ...tables.reads.filter(({ versionId }) => !moved.has(versionId)).map((table) => ({ mode: 'read' as Mode, table })),
  ].sort((a, b) => a.table.versionId - b.table.versionId);
  for (let at = 0; at < all.length; ) {
    const mode = all[at]?.mode ?? 'read';
    const end = all.findIndex((one, index) => index > at && one.mode !== mode);
    const run = all.slice(at, end < 0 ? all.length : end);
    await lockRun(
      tx,
      mode,
      run.map(({ table }) => table),
    );
    at += run.length;
  }
};

const nextRevision = async (tx: Tx): Promise<number> => {
  const { rows } = await sql<{ next: string }>`
    SELECT greatest((SELECT coalesce(max(revision), 0) FROM assay.publication),
      (SELECT coalesce(max(revision), 0) FROM assay.environment)) + 1 AS next`.execute(stateOf(tx));
  return Number(rows[0]?.next);
};

/** What the environment's names point at afterwards. */
const nextPointers = (state: EnvironmentState, publication: EnvironmentPublication): readonly PointerTarget[] => {
  const { base, pointers } = publication;
  if (typeof base === 'number') {
    if (state.revision !== base) throw error('publish-overtaken', { base });
    return pointers;
  }
  const now = new Map(state.pointers.map((pointer) => [pointer.name, pointer.versionId]));
  for (const [name, saw] of base) if (now.get(name) !== saw) throw error('publish-overtaken', { table: name });
  for (const { name, versionId } of pointers)
    if (!base.has(name) && now.has(name) && now.get(name) !== versionId)
      throw error('publish-overtaken', { table: name });
  const set = new Set(pointers.map((pointer) => pointer.name));
  return [...state.pointers.filter(({ name }) => !base.has(name) && !set.has(name)), ...pointers];
};

const moveTables = async (tx: Tx, revision: number, moved: readonly MovedTable[]): Promise<void> => {
  if (moved.length === 0) return;
  await sql`
    UPDATE assay.physical_table t SET lake_version = m."lakeVersion", data_version = m."dataVersion",
      row_count = m.rows, bytes = m.bytes, changed_at = ${String(revision)}::bigint
    FROM json_to_recordset(${JSON.stringify(moved)}::json)
      AS m("versionId" bigint, "lakeVersion" bigint, "dataVersion" text, rows bigint, bytes bigint)
    WHERE t.version_id = m."versionId"`.execute(stateOf(tx));
};

/** Opens the next revision of an environment; its pointers follow in the same transaction. */
const openRevision = async (tx: Tx, environment: string, runId: string): Promise<number> => {
  const revision = await nextRevision(tx);
  await sql`
    INSERT INTO assay.publication (revision, build_id, environment, published_at)
    VALUES (${String(revision)}::bigint, ${runId}, ${environment}, clock_timestamp())`.execute(stateOf(tx));
  return revision;
};

const COLUMNS = sql`revision, name, postgres, lake_path, lake_version, data_version, row_count, version_id, changed_at,
  input_hash, content_hash, since`;

const OF_TABLE = sql`p.postgres, CASE WHEN p.lake_version >= 0 THEN p.lake_path END,
  CASE WHEN p.lake_path IS NOT NULL AND p.lake_version >= 0 THEN p.lake_version END,
  p.data_version, p.row_count, p.version_id, p.changed_at, NULL, NULL, p.changed_at`;

const setPointers = async (
  tx: Tx,
  revision: number,
  before: number,
  targets: readonly PointerTarget[],
): Promise<void> => {
  const db = stateOf(tx);
  const versioned = targets.filter(({ versionId }) => versionId > 0);
  const older = targets.filter(({ versionId }) => versionId === 0).map(({ name }) => name);
  const { rows } = await sql<{ version_id: string }>`
    INSERT INTO assay.publication_table (${COLUMNS})
    SELECT ${String(revision)}::bigint, n.name, ${OF_TABLE}
    FROM json_to_recordset(${JSON.stringify(versioned)}::json) AS n(name text, "versionId" bigint)
    JOIN assay.physical_table p ON p.version_id = n."versionId"
    RETURNING version_id`.execute(db);
  if (rows.length < versioned.length) {
    const found = new Set(rows.map((row) => Number(row.version_id)));
    const gone = versioned.find(({ versionId }) => !found.has(versionId));
    throw error('version-gone', await nameOf(tx, gone?.versionId ?? 0));
  }
  if (older.length > 0)
    await sql`
      INSERT INTO assay.publication_table (${COLUMNS})
      SELECT ${String(revision)}::bigint, name, postgres, lake_path, lake_version, data_version, row_count, NULL,
        changed_at, input_hash, content_hash, since
      FROM assay.publication_table
      WHERE revision = ${String(before)}::bigint AND version_id IS NULL AND name = ANY(${older})`.execute(db);
};

const show = async (tx: Tx, environment: string, revision: number, lake: string | undefined): Promise<void> => {
  const db = stateOf(tx);
  await sql`
    UPDATE assay.environment SET revision = ${String(revision)}::bigint, lake = coalesce(${lake ?? null}, lake)
    WHERE name = ${environment}`.execute(db);
  await sql`SELECT pg_notify(${PUBLICATION_CHANNEL}, ${`${environment} ${revision}`})`.execute(db);
};

/** Gives each other environment that points at a moved table a revision of its own, with the state that the table has now. */
const carryOthers = async (
  tx: Tx,
  publication: EnvironmentPublication,
  others: readonly string[],
): Promise<EnvironmentRevision[]> => {
  const carried: EnvironmentRevision[] = [];
  const moved = new Set(publication.moved.map((table) => table.versionId));
  for (const environment of moved.size === 0 ? [] : others) {
    const state = await currentEnvironment(tx, environment);
    if (!state.pointers.some(({ versionId }) => moved.has(versionId))) continue;
    const revision = await openRevision(tx, environment, publication.runId);
    await setPointers(tx, revision, state.revision, state.pointers);
    await show(tx, environment, revision, undefined);
    carried.push({ environment, revision });
  }
  return carried;
};

/**
 * Gives an environment its next revision, in the caller's transaction (read committed), which changes rows before and intervals
 * after it. Environments that point at a table which moves get a revision of their own with it; all listeners are told
 * (`<environment> <revision>`). Nobody else publishes until the transaction ends.
 * Errors: `publish-overtaken`, `environment-unknown`, `version-gone`.
 */
export const publishEnvironment = async (tx: Tx, publication: EnvironmentPublication): Promise<Published> => {
  const { environment, runId, lake } = publication;
  await lockTables(tx, publication);
  const db = stateOf(tx);
  await sql`SELECT pg_advisory_xact_lock(hashtextextended('assay publication', 0))`.execute(db);
  await sql`SELECT name FROM assay.environment ORDER BY name FOR UPDATE`.execute(db);
  const state = await currentEnvironment(tx, environment);
  const targets = nextPointers(state, publication);
  const revision = await openRevision(tx, environment, runId);
  await moveTables(tx, revision, publication.moved);
  await setPointers(tx, revision, state.revision, targets);
  await show(tx, environment, revision, lake);
  const names = (await listEnvironments(tx)).map(({ name }) => name).filter((name) => name !== environment);
  return { revision, others: await carryOthers(tx, publication, names) };
};
