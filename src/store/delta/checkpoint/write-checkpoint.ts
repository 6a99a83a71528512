import { randomUUID } from 'node:crypto';
import type { DeltaFiles } from '../files.js';
import { asObject, type ExactJson, ExactNumber, exactText, parseExact } from '../format/exact-json.js';
import { intervalMilliseconds } from '../format/interval.js';
import { checkpointName, LAST_CHECKPOINT, LOG } from '../format/paths.js';
import { literal, quoted } from '../format/schema.js';
import type { Metadata, RemoveFile, Snapshot } from '../types.js';

/** Commits from one checkpoint to the next, where the table does not say. */
const INTERVAL = 10;
/** How long removed files are remembered, in milliseconds, where the table does not say: the protocol's own default. */
const WEEK = 7 * 86_400_000;
/** Actions that are handed to the engine at one time. */
const PIECE = 20_000;

const MAP = 'MAP(VARCHAR, VARCHAR)';
const VECTOR = {
  storageType: 'VARCHAR',
  pathOrInlineDv: 'VARCHAR',
  offset: 'INTEGER',
  sizeInBytes: 'INTEGER',
  cardinality: 'BIGINT',
};
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
    deletionVector: VECTOR,
  },
  remove: {
    path: 'VARCHAR',
    deletionTimestamp: 'BIGINT',
    dataChange: 'BOOLEAN',
    extendedFileMetadata: 'BOOLEAN',
    partitionValues: MAP,
    size: 'BIGINT',
    deletionVector: VECTOR,
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
  domainMetadata: { domain: 'VARCHAR', configuration: 'VARCHAR', removed: 'BOOLEAN' },
};

/** How long a removed file's data stay for those who read an older version, in milliseconds; undefined: the table says it in no way we know. */
export const tombstoneRetention = (metadata: Metadata): number | undefined => {
  const text = metadata.configuration['delta.deletedFileRetentionDuration'];
  return text === undefined ? WEEK : intervalMilliseconds(text);
};

/** A live tombstone keeps its file from being vacuumed; an old one only makes the checkpoint long. */
const unexpired = ({ metadata }: Snapshot, now: number): ((tombstone: RemoveFile) => boolean) => {
  const kept = tombstoneRetention(metadata);
  return (tombstone) => kept === undefined || (tombstone.deletionTimestamp ?? 0) > now - kept;
};

/** What a checkpoint says of a file that is gone: enough to keep it from being vacuumed. */
const tombstoneAction = ({ stats: _, tags: __, ...remove }: RemoveFile) => ({
  remove: { ...remove, dataChange: false },
});

function* actionsOf(snapshot: Snapshot, now: number): Generator<object> {
  yield { protocol: snapshot.protocol };
  yield { metaData: snapshot.metadata };
  for (const txn of snapshot.txns.values()) yield { txn };
  for (const domainMetadata of snapshot.domains.values()) yield { domainMetadata };
  // In a checkpoint nothing is news: readers of changes skip what has dataChange false.
  for (const add of snapshot.adds) yield { add: { ...add, dataChange: false } };
  const keep = unexpired(snapshot, now);
  for (const tombstone of snapshot.tombstones) if (keep(tombstone)) yield tombstoneAction(tombstone);
}

/** Hands the actions to the engine in pieces, so that a large table's checkpoint is never one text. Gives how many there were. */
const stageActions = async ({ table }: Snapshot, target: string, actions: Iterable<object>): Promise<number> => {
  const columns = Object.keys(LAYOUT).map((c) => `a.${quoted(c)} AS ${quoted(c)}`);
  const rows = `SELECT ${columns.join(', ')} FROM (SELECT unnest(from_json($1::JSON, ${literal(JSON.stringify([LAYOUT]))})) AS a)`;
  let count = 0;
  let piece: string[] = [];
  const flush = async () => {
    const verb = count === 0 ? `CREATE TEMP TABLE ${target} AS` : `INSERT INTO ${target}`;
    await table.engine.execute(`${verb} ${rows}`, { parameters: [`[${piece.join(',')}]`] });
    count += piece.length;
    piece = [];
  };
  for (const action of actions) {
    piece.push(exactText(action as ExactJson));
    if (piece.length === PIECE) await flush();
  }
  if (piece.length > 0) await flush();
  return count;
};

/** What `_last_checkpoint` says: version, actions, bytes, live files. */
interface Hint {
  readonly version: number;
  readonly size: number;
  readonly sizeInBytes: number;
  readonly numOfAddFiles: number;
}

/** Version that the hint names; undefined where there is none that can be read. */
const hintedVersion = async (files: DeltaFiles): Promise<number | undefined> => {
  const version = asObject(parseExact((await files.read(LAST_CHECKPOINT))?.toString('utf8') ?? ''))?.['version'];
  return version instanceof ExactNumber ? Number(version.text) : undefined;
};

/** Tells readers where to begin. Hadoop's file system keeps checksums beside files: that of a hint which we replace would be wrong. */
const writeHint = async (files: DeltaFiles, hint: Hint): Promise<void> => {
  if (((await hintedVersion(files)) ?? -1) > hint.version) return;
  const checksum = `${LOG}/._last_checkpoint.crc`;
  if (await files.stat(checksum)) await files.removeFile(checksum);
  await files.put(LAST_CHECKPOINT, JSON.stringify(hint));
};

/** Writes the snapshot as a classic checkpoint. Another writer's checkpoint of the same version is as good as ours. */
export const writeCheckpoint = async (snapshot: Snapshot, now: number): Promise<void> => {
  const { table, version } = snapshot;
  const { files, engine } = table;
  const name = randomUUID();
  const temporary = `${LOG}/.${name}.tmp`;
  const staged = quoted(`assay_checkpoint_${name}`);
  try {
    const size = await stageActions(snapshot, staged, actionsOf(snapshot, now));
    await files.makeFolder(LOG);
    await engine.execute(
      `COPY (SELECT * FROM ${staged}) TO ${literal(files.location(temporary))} (FORMAT parquet, COMPRESSION zstd)`,
    );
    if (!(await files.moveIfAbsent(temporary, `${LOG}/${checkpointName(version)}`))) return;
    const sizeInBytes = (await files.stat(`${LOG}/${checkpointName(version)}`))?.size ?? 0;
    await writeHint(files, { version, size, sizeInBytes, numOfAddFiles: snapshot.adds.length });
  } finally {
    await engine.execute(`DROP TABLE IF EXISTS ${staged}`);
  }
};

/** True when a table's settings ask for a checkpoint at this version. */
export const checkpointDue = (metadata: Metadata, version: number): boolean => {
  const text = metadata.configuration['delta.checkpointInterval'];
  const interval = text !== undefined && /^[1-9]\d{0,6}$/.test(text) ? Number(text) : INTERVAL;
  return version > 0 && version % interval === 0;
};
