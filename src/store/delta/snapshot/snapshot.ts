import { error } from '../../../errors/index.js';
import { checkMapping } from '../columns/mapping.js';
import { checkReadable } from '../format/features.js';
import { commitName, LOG, type LogListing } from '../format/paths.js';
import { parseSchema } from '../format/schema.js';
import { keepsTime, ownTime } from '../log/commit-time.js';
import { latestVersion, listLog, readVersion, stretches } from '../log/log.js';
import { nothing } from '../log/replay.js';
import { type Replayed, replayLog, replayStretches } from '../log/replay-log.js';
import type { AddFile, DeltaTable, Metadata, RemoveFile, Snapshot } from '../types.js';
import { readVectors } from '../vectors/read-vector.js';
import { keepDeletions, keepSnapshot, keptSnapshot } from './snapshot-cache.js';
import { changedFiles, inOrder, sortedFiles } from './sorted-files.js';

interface Files {
  readonly adds: readonly AddFile[];
  readonly tombstones: readonly RemoveFile[];
}

/** Checks what replay came to. Errors: `delta-corrupt`, `delta-unsupported`. */
const checked = (table: DeltaTable, { state, began }: Replayed, version: number) => {
  const { protocol, metadata } = state;
  const damaged = (why: string) => error('delta-corrupt', { file: began, why });
  if (!protocol || !metadata)
    throw damaged(`no ${protocol ? 'metaData' : 'protocol'} action from it up to version ${version}`);
  checkReadable(table.path, protocol, metadata);
  const schema = parseSchema(metadata.schemaString);
  if (!schema)
    throw error('delta-unsupported', { table: table.path, feature: `schema ${metadata.schemaString.slice(0, 200)}` });
  const { partitionColumns } = metadata;
  const unknown = partitionColumns.find((name) => !schema.fields.some((field) => field.name === name));
  if (unknown !== undefined) throw damaged(`its schema lacks the partition column ${unknown}`);
  if (new Set(partitionColumns).size !== partitionColumns.length) throw damaged('it has a partition column twice');
  checkMapping(table.path, metadata, schema);
  return { protocol, metadata, schema };
};

/** The version's own time, where the table keeps times; a checkpoint and a compacted file have none. */
const timeOf = async (table: DeltaTable, metadata: Metadata, version: number, { state, last }: Replayed) => {
  if (!keepsTime(metadata)) return undefined;
  if (last?.from === version) return state.inCommitTimestamp;
  return ownTime((await readVersion(table, version)) ?? []);
};

const snapshotOf = async (table: DeltaTable, version: number, replayed: Replayed, files: Files): Promise<Snapshot> => {
  const parts = checked(table, replayed, version);
  const time = await timeOf(table, parts.metadata, version, replayed);
  const { txns, domains } = replayed.state;
  return {
    table,
    version,
    ...parts,
    ...files,
    txns,
    domains,
    ...(time === undefined ? {} : { inCommitTimestamp: time }),
  };
};

/** The table as the log alone says it. */
const fromLog = async (table: DeltaTable, listing: LogListing, version: number): Promise<Snapshot | undefined> => {
  const replayed = await replayLog(table, listing, version);
  if (!replayed) return undefined;
  const { adds, removes } = replayed.state;
  return snapshotOf(table, version, replayed, {
    adds: changedFiles(inOrder(replayed.files), removes.keys(), adds),
    tombstones: sortedFiles(removes),
  });
};

/** A snapshot and the commits behind it: work that grows with what they changed, not with the table. */
const broughtForward = async (
  table: DeltaTable,
  kept: Snapshot,
  listing: LogListing,
  wanted: number,
): Promise<Snapshot> => {
  const { version, adds, tombstones, txns, domains, protocol, metadata, inCommitTimestamp } = kept;
  const changes = { ...nothing(), protocol, metadata, inCommitTimestamp };
  const state = { ...changes, txns: new Map(txns), domains: new Map(domains) };
  const list = stretches(table, listing, version + 1, wanted);
  await replayStretches(table, state, list);
  const replayed = { files: [], state, began: table.files.name(`${LOG}/${commitName(wanted)}`), last: list.at(-1) };
  const snapshot = await snapshotOf(table, wanted, replayed, {
    adds: changedFiles(adds, state.removes.keys(), state.adds),
    tombstones: changedFiles(tombstones, state.adds.keys(), state.removes),
  });
  return kept.deletions ? { ...snapshot, deletions: kept.deletions } : snapshot;
};

/**
 * The table as it was at a version (default the newest), without what its deletion vectors hold: enough for what asks of files and not
 * of rows. Undefined when the folder holds no table, or the version is not there (any more). Errors: `delta-corrupt`,
 * `delta-unsupported`, `lake-unusable`.
 */
export const takeFiles = async (table: DeltaTable, version?: number): Promise<Snapshot | undefined> => {
  const kept = await keptSnapshot(table, version ?? Number.MAX_SAFE_INTEGER);
  if (kept && kept.version === version) return kept;
  const listing = await listLog(table, kept?.version);
  const latest = latestVersion(listing);
  const wanted = version ?? latest;
  if (latest < 0 || wanted > latest || wanted < 0 || !Number.isInteger(wanted)) return undefined;
  if (kept?.version === wanted) return kept;
  const snapshot = kept ? await broughtForward(table, kept, listing, wanted) : await fromLog(table, listing, wanted);
  if (snapshot && wanted === latest) await keepSnapshot(snapshot);
  return snapshot;
};

/** A snapshot with the deleted rows of these files as well: those of another version, for example, that are to be read by it. */
export const withDeletions = async (snapshot: Snapshot, adds: readonly AddFile[]): Promise<Snapshot> => {
  if (!adds.some((add) => add.deletionVector)) return snapshot;
  const deletions = await readVectors(snapshot.table, adds, snapshot.deletions);
  return { ...snapshot, deletions: new Map([...(snapshot.deletions ?? []), ...deletions]) };
};

/**
 * The table as it was at a version (default the newest): the newest checkpoint up to it, then every commit behind it; of a table that
 * this process has read before only the commits since. Undefined when the folder holds no table, or the version is not there (any
 * more). Errors: `delta-corrupt`, `delta-unsupported`, `lake-unusable`.
 */
export const takeSnapshot = async (table: DeltaTable, version?: number): Promise<Snapshot | undefined> => {
  const found = await takeFiles(table, version);
  if (!found?.adds.some((add) => add.deletionVector)) return found;
  const deletions = await readVectors(table, found.adds, found.deletions);
  const snapshot: Snapshot = { ...found, deletions };
  keepDeletions(snapshot);
  return snapshot;
};
