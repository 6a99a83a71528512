import { randomUUID } from 'node:crypto';
import { AssayError, error } from '../../errors/index.js';
import { type Action, readAction } from './actions.js';
import { listLog } from './log.js';
import { checkpointName, commitName, LAST_CHECKPOINT, LOG } from './paths.js';
import { literal } from './schema.js';
import type { DeltaTable, RemoveFile, Snapshot } from './types.js';

/** Commits from one checkpoint to the next, where the table does not say. */
const INTERVAL = 10;
const DAY = 86_400_000;
/** How long removed files are remembered, and old commits kept: the protocol's own defaults. */
const TOMBSTONES = 7 * DAY;
const LOG_RETENTION = 30 * DAY;

/** The actions that a checkpoint holds. Errors: `delta-corrupt` where the file is no checkpoint. */
export const readCheckpoint = async (table: DeltaTable, version: number): Promise<readonly Action[]> => {
  const file = table.files.location(`${LOG}/${checkpointName(version)}`);
  const damaged = (why: string, cause?: unknown) => error('delta-corrupt', { file, why }, cause);
  let rows: Awaited<ReturnType<DeltaTable['engine']['query']>>;
  try {
    rows = await table.engine.query(`SELECT to_json(c)::VARCHAR AS "action" FROM read_parquet(${literal(file)}) c`);
  } catch (thrown) {
    if (thrown instanceof AssayError && thrown.code === 'engine-failed')
      throw damaged('it cannot be read as Parquet', thrown);
    throw thrown;
  }
  return rows.map((row, index) => {
    const text = row['action'];
    if (typeof text !== 'string') throw damaged(`row ${index + 1} is no action`);
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && 'checkpointMetadata' in value && value.checkpointMetadata)
      throw error('delta-unsupported', { table: table.path, feature: 'v2Checkpoint' });
    return readAction(value, { file, line: index + 1, table: table.path });
  });
};

const MAP = 'MAP(VARCHAR, VARCHAR)';
/** A checkpoint's columns: one struct for each kind of action. */
const LAYOUT: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  txn: { appId: 'VARCHAR', version: 'BIGINT', lastUpdated: 'BIGINT' },
  add: {
    path: 'VARCHAR',
    partitionValues: MAP,
    size: 'BIGINT',
    modificationTime: 'BIGINT',
    dataChange: 'BOOLEAN',
    stats: 'VARCHAR',
    tags: MAP,
  },
  remove: {
    path: 'VARCHAR',
    deletionTimestamp: 'BIGINT',
    dataChange: 'BOOLEAN',
    extendedFileMetadata: 'BOOLEAN',
    partitionValues: MAP,
    size: 'BIGINT',
  },
  metaData: {
    id: 'VARCHAR',
    name: 'VARCHAR',
    description: 'VARCHAR',
    format: { provider: 'VARCHAR', options: MAP },
    schemaString: 'VARCHAR',
    partitionColumns: ['VARCHAR'],
    configuration: MAP,
    createdTime: 'BIGINT',
  },
  protocol: {
    minReaderVersion: 'INTEGER',
    minWriterVersion: 'INTEGER',
    readerFeatures: ['VARCHAR'],
    writerFeatures: ['VARCHAR'],
  },
};

/** A live tombstone keeps its file from being vacuumed; an old one only makes the checkpoint long. */
const unexpired = (now: number) => (tombstone: RemoveFile) => (tombstone.deletionTimestamp ?? 0) > now - TOMBSTONES;

const actionsOf = (snapshot: Snapshot, now: number): readonly object[] => [
  { protocol: snapshot.protocol },
  { metaData: snapshot.metadata },
  ...[...snapshot.txns.values()].map((txn) => ({ txn })),
  // In a checkpoint nothing is news: readers of changes skip what has dataChange false.
  ...snapshot.adds.map((add) => ({ add: { ...add, dataChange: false } })),
  ...snapshot.tombstones.filter(unexpired(now)).map((remove) => ({ remove: { ...remove, dataChange: false } })),
];

/** Writes the snapshot as a classic checkpoint. Another writer's checkpoint of the same version is as good as ours. */
export const writeCheckpoint = async (snapshot: Snapshot, now: number): Promise<void> => {
  const { table, version } = snapshot;
  const { files, engine } = table;
  const actions = actionsOf(snapshot, now);
  const temporary = `${LOG}/.${randomUUID()}.tmp`;
  const name = `${LOG}/${checkpointName(version)}`;
  const columns = Object.keys(LAYOUT).map((c) => `a."${c}" AS "${c}"`);
  await engine.execute(
    `COPY (SELECT ${columns.join(', ')} FROM (SELECT unnest(from_json($1::JSON, ${literal(
      JSON.stringify([LAYOUT]),
    )})) AS a)) TO ${literal(files.location(temporary))} (FORMAT parquet, COMPRESSION zstd)`,
    { parameters: [JSON.stringify(actions)] },
  );
  const size = (await files.stat(temporary))?.size ?? 0;
  if (!(await files.moveIfAbsent(temporary, name))) return;
  const hint = { version, size: actions.length, sizeInBytes: size, numOfAddFiles: snapshot.adds.length };
  await files.put(LAST_CHECKPOINT, JSON.stringify(hint));
};

/** True when a table's settings ask for a checkpoint at this version. */
export const checkpointDue = (snapshot: Snapshot): boolean => {
  const text = snapshot.metadata.configuration['delta.checkpointInterval'];
  const interval = text !== undefined && /^[1-9]\d{0,6}$/.test(text) ? Number(text) : INTERVAL;
  return snapshot.version > 0 && snapshot.version % interval === 0;
};

/**
 * Removes commits and checkpoints that are older than the retention and stand before a checkpoint which is older than it too, so
 * every version inside the retention can still be read.
 */
export const cleanLog = async (snapshot: Snapshot, now: number): Promise<number> => {
  const { table } = snapshot;
  if (snapshot.metadata.configuration['delta.enableExpiredLogCleanup'] === 'false') return 0;
  const cutoff = Math.floor((now - LOG_RETENTION) / DAY) * DAY;
  const { commits, checkpoints } = await listLog(table);
  let keep = -1;
  for (const version of checkpoints) {
    const found = await table.files.stat(`${LOG}/${commitName(version)}`);
    if (found && found.modified <= cutoff) keep = version;
  }
  const old = (version: number) => version < keep;
  const gone = [
    ...commits.filter(old).map((v) => `${LOG}/${commitName(v)}`),
    ...checkpoints.filter(old).map((v) => `${LOG}/${checkpointName(v)}`),
  ];
  for (const path of gone) await table.files.removeFile(path);
  return gone.length;
};
