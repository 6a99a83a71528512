import { AssayError, error } from '../../../errors/index.js';
import { filesAt, openTable, tableAt, vacuum } from '../../../store/delta/index.js';
import {
  expireFailingKeys,
  forgetTables,
  garbage,
  type Keep,
  listEnvironments,
  physicalTables,
  publications,
} from '../../../store/state/index.js';
import { parquetSession } from '../parquet-session.js';
import { dropPhysical } from '../target/physical-table.js';
import { type Parts, timeOf } from './parts.js';

const DAY = 86_400_000_000n;
/** A rollback goes back to any publication of the last week, and to the one before this however old it is. */
export const KEEP: Keep = { keepMicros: 7n * DAY, keepRevisions: 2 };
const KEEP_KEYS = 90n * DAY;
/** Publications whose files are kept: more than anyone makes in the time that is kept. */
const MOST_REVISIONS = 1000;

/** What collecting came to. */
export interface Collected {
  /** Tables that went, by their folder in the lake. */
  readonly dropped: readonly string[];
  /** Tables that could not go, with who uses them. */
  readonly kept: readonly string[];
  /** Files of replaced versions that went. */
  readonly files: number;
}

/**
 * Removes what no kept publication points at and nobody is at work on: tables of old meanings, files of replaced versions, failing
 * keys past their time. Never in the way of a reader: a table that is still read stays until next time.
 */
export const collect = async (parts: Parts, keep: Keep = KEEP): Promise<Collected> => {
  const { warehouse } = parts;
  const dropped: string[] = [];
  const kept: string[] = [];
  const tables = await physicalTables(warehouse, await garbage(warehouse, keep));
  for (const { versionId, postgres, lakePath } of tables.values()) {
    const reason = await warehouse
      .transaction(async (tx) => {
        if (!(await forgetTables(tx, [versionId], keep)).includes(versionId)) return 'it is used again';
        const outcome = postgres === undefined ? ({ dropped: true } as const) : await dropPhysical(tx, postgres);
        // Thrown, so that the ledger does not forget a table that is still there.
        if (!outcome.dropped) throw error('view-blocked', { view: postgres ?? '', by: outcome.reason });
        return undefined;
      })
      .catch((thrown: unknown) => {
        if (thrown instanceof AssayError && thrown.code === 'view-blocked') return String(thrown.parameters['by']);
        throw thrown;
      });
    if (reason !== undefined) kept.push(`${postgres ?? lakePath ?? ''}: ${reason}`);
    else if (lakePath !== undefined) {
      await filesAt(`${parts.lake}/${lakePath}`).removeFolder('.');
      dropped.push(lakePath);
    }
  }
  dropped.push(...(await dropOldKind(parts, kept)));
  await expireFailingKeys(warehouse, KEEP_KEYS);
  return { dropped, kept, files: await vacuumAll(parts, keep) };
};

/** Tables of the time before versions (one for each revision, `__r7`), which no environment points at any more. */
const dropOldKind = async (parts: Parts, kept: string[]): Promise<string[]> => {
  const { rows } = await parts.warehouse.query<{ name: string }>(
    `SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables
     WHERE schemaname LIKE 'phys\\_%' AND tablename ~ '__v\\d+__r\\d+$'
       AND NOT EXISTS (SELECT FROM assay.environment e JOIN assay.publication_table p ON p.revision = e.revision
         WHERE to_regclass(p.postgres) = to_regclass(format('%I.%I', schemaname, tablename)))`,
  );
  const dropped: string[] = [];
  for (const { name } of rows) {
    const outcome = await parts.warehouse.transaction((tx) => dropPhysical(tx, name));
    if (outcome.dropped) dropped.push(name);
    else kept.push(`${name}: ${outcome.reason}`);
  }
  return dropped;
};

/** Delta versions that readers or a rollback may want, by the table's path below the lake. */
export const versionsInUse = async (
  parts: Pick<Parts, 'warehouse' | 'now'>,
  keep: Keep = KEEP,
): Promise<ReadonlyMap<string, ReadonlySet<number>>> => {
  const since = timeOf(parts) - keep.keepMicros;
  const versions = new Map<string, Set<number>>();
  for (const { name } of await listEnvironments(parts.warehouse))
    for (const [age, record] of (await publications(parts.warehouse, name, MOST_REVISIONS)).entries()) {
      if (age >= keep.keepRevisions && record.publishedAt < since) continue;
      for (const { lakePath, lakeVersion } of record.pointers)
        if (lakePath !== undefined && lakeVersion !== undefined)
          versions.set(lakePath, (versions.get(lakePath) ?? new Set()).add(lakeVersion));
    }
  return versions;
};

/** Files that no publication of any environment names, a week after they were replaced. */
const vacuumAll = async (parts: Parts, keep: Keep): Promise<number> => {
  const versions = await versionsInUse(parts, keep);
  let files = 0;
  await parts.duckdb.session(async (session) => {
    const engine = parquetSession(session, parts.signal);
    for (const [path, keepVersions] of versions) {
      const folder = `${parts.lake}/${path}`;
      if (await openTable(folder, engine))
        files += await vacuum(tableAt(folder, engine), { keepVersions: [...keepVersions] });
    }
  });
  return files;
};
