import { randomUUID } from 'node:crypto';
import { error, toAssayError } from '../../../errors/index.js';
import {
  type Optimize,
  type Optimized,
  openTable,
  optimizeTable,
  tableAt,
  type Vacuum,
  type Vacuumed,
  vacuumTable,
} from '../../../store/delta/index.js';
import {
  beginRun,
  currentEnvironment,
  endRun,
  intervalsOf,
  type PhysicalTable,
  physicalTables,
  publishEnvironment,
  type TablePointer,
  versionsById,
  whileAlive,
} from '../../../store/state/index.js';
import { parquetSession } from '../parquet-session.js';
import { versionsInUse } from './collect.js';
import { owner } from './leases.js';
import { type Parts, timeOf } from './parts.js';

/** What work on a table's files needs: no transform is read. */
export type MaintainParts = Pick<Parts, 'lake' | 'duckdb' | 'warehouse' | 'emit' | 'signal' | 'now'>;

/** A table of the lake that the ledger knows: its files belong to publications. */
export interface ManagedTable {
  /** `gold.fact_sales`, of the version that made it. */
  readonly name: string;
  readonly table: PhysicalTable;
}

/** What an environment's names point at. Errors: `environment-unknown`. */
export const pointedTables = async (
  parts: Pick<MaintainParts, 'warehouse'>,
  environment: string,
): Promise<readonly TablePointer[]> => (await currentEnvironment(parts.warehouse, environment)).pointers;

/** The table at a path below the lake; undefined when the ledger knows of none. */
export const managedTable = async (
  { warehouse }: Pick<MaintainParts, 'warehouse'>,
  lakePath: string,
): Promise<ManagedTable | undefined> => {
  const { rows } = await warehouse.query<{ id: string }>(
    'SELECT version_id::text AS id FROM assay.physical_table WHERE lake_path = $1',
    [lakePath],
  );
  const id = Number(rows[0]?.id);
  if (!Number.isInteger(id)) return undefined;
  const [tables, versions] = await Promise.all([physicalTables(warehouse, [id]), versionsById(warehouse, [id])]);
  const table = tables.get(id);
  return table && { name: versions.get(id)?.name ?? lakePath, table };
};

/** Steps whose files wait for a publication, and runs that are at work. */
const atWork = async ({ warehouse }: MaintainParts, versionId: number) => {
  const intervals = await intervalsOf(warehouse, [versionId], { light: true });
  const { rows } = await warehouse.query<{ id: string }>(
    "SELECT build_id::text AS id FROM assay.build WHERE status = 'running'",
  );
  return {
    keepSteps: intervals.flatMap(({ staged }) => staged?.stepId ?? []),
    keep: (path: string) => rows.some(({ id }) => path.startsWith(`d/${id}`)),
  };
};

/**
 * Removes files of a table that nobody can want: no version that a kept publication names, no step that waits for its publication.
 * Errors: `usage` (retention too short), those of `vacuumTable`.
 */
export const vacuumManaged = async (
  parts: MaintainParts,
  { table }: ManagedTable,
  options: Pick<Vacuum, 'retention' | 'force' | 'dryRun'>,
): Promise<Vacuumed> => {
  const path = table.lakePath ?? '';
  const kept = new Set((await versionsInUse(parts)).get(path));
  if (table.lakeVersion >= 0) kept.add(table.lakeVersion);
  const stays = await atWork(parts, table.versionId);
  return parts.duckdb.session((session) =>
    vacuumTable(tableAt(`${parts.lake}/${path}`, parquetSession(session, parts.signal)), {
      ...{ ...options, ...stays, keepVersions: [...kept] },
      ...(parts.signal ? { signal: parts.signal } : {}),
    }),
  );
};

/** Refuses while a run holds partitions of the table. */
const checkIdle = async (parts: MaintainParts, { name, table }: ManagedTable): Promise<void> => {
  const now = timeOf(parts);
  for (const { status, partition, leaseOwner, leaseUntil } of await intervalsOf(parts.warehouse, [table.versionId], {
    light: true,
  }))
    if (status === 'leased' && leaseUntil !== undefined && leaseUntil > now)
      throw error('interval-leased', {
        ...{ model: name, partition, owner: leaseOwner ?? 'another run' },
        until: new Date(Number(leaseUntil / 1000n)).toISOString(),
      });
};

/**
 * Lays a table's files out anew and publishes that: readers of the lake go over to the new files with a revision of their own, and no
 * row changes. Errors: `interval-leased`, `publish-overtaken` (nothing is published, readers stay where they are), `environment-unknown`,
 * those of `optimizeTable`.
 */
export const optimizeManaged = async (
  parts: MaintainParts,
  environment: string,
  managed: ManagedTable,
  options: Pick<Optimize, 'zorderBy' | 'where' | 'targetBytes'>,
): Promise<Optimized> => {
  const { warehouse, signal } = parts;
  const { name, table } = managed;
  const { versionId, changedAt, dataVersion, rows } = table;
  const path = `${parts.lake}/${table.lakePath}`;
  const { revision: baseRevision } = await currentEnvironment(warehouse, environment);
  await checkIdle(parts, managed);
  const runId = randomUUID();
  return whileAlive(warehouse, runId, async () => {
    await beginRun(warehouse, {
      ...{ runId, kind: 'run', environment, planId: undefined, owner: owner(), baseRevision, startedAt: timeOf(parts) },
    });
    try {
      return await parts.duckdb.session(async (session) => {
        const engine = parquetSession(session, signal);
        const overtaken = () => error('publish-overtaken', { table: name });
        // What a stopped run committed and nobody published is no layout of what readers see.
        if ((await openTable(path, engine))?.version !== table.lakeVersion) throw overtaken();
        const done = await optimizeTable(tableAt(path, engine), {
          ...{ ...options, txnId: runId, emit: parts.emit },
          ...(signal ? { signal } : {}),
        });
        const { version } = done;
        if (version === undefined) {
          await endRun(warehouse, { runId, status: 'unchanged', at: timeOf(parts) });
          return done;
        }
        if (version !== table.lakeVersion + 1) throw overtaken();
        const bytes = ((await openTable(path, engine, version))?.adds ?? []).reduce((sum, add) => sum + add.size, 0);
        await warehouse.transaction(async (tx) => {
          const { revision } = await publishEnvironment(tx, {
            ...{ environment, runId, lake: parts.lake, base: new Map(), pointers: [], reads: [] },
            moved: [{ versionId, changedAt, dataVersion, rows, bytes, lakeVersion: version }],
          });
          await endRun(tx, { runId, status: 'published', at: timeOf(parts), revision });
        });
        return done;
      });
    } catch (thrown) {
      const { code, message } = toAssayError(thrown);
      const status = code === 'cancelled' ? 'cancelled' : 'failed';
      await endRun(warehouse, { runId, status, at: timeOf(parts), error: { code, message } });
      throw thrown;
    }
  });
};
