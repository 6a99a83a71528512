export { type AdoptFolder, addsOfFolder } from './adopt.js';
export { type Alter, addConstraint, dropConstraint, keepCommitTimes, setDomain, setProperties } from './alter.js';
export { type Change, type Committed, commit } from './commit.js';
export type { ConflictKind, Isolation, Reads } from './conflict.js';
export { damageOf } from './damage.js';
export { evolveTable } from './evolve.js';
export { fileKey, vectorId } from './file-key.js';
export type { ByteRange, DeltaFiles, FoundFile, Held, NeededFile } from './files.js';
export { findTables } from './find-tables.js';
export { type HistoryEntry, historyOf } from './history.js';
export { findCommit } from './log.js';
export { type Optimize, type Optimized, optimizeTable } from './optimize.js';
export type { EngineOptions, EngineValue, ParquetEngine } from './parquet-engine.js';
export {
  appendFiles,
  overwritePartitions,
  overwriteTable,
  type Publish,
  type Replace,
  replaceFiles,
} from './publish.js';
export { relation, relationOf } from './relation.js';
export { type Restore, type RestoredTable, restoreTable } from './restore.js';
export { type RowLines, rowLines } from './row-lines.js';
export { addressText, isAddress, parseAddress } from './s3/address.js';
export { holdNamed, type Mount, type MountOptions, mountLake, scratchFolder } from './s3/mount.js';
export { literal, quoted, schemaOf } from './schema.js';
export { holdsAllColumns } from './shape.js';
export { type FileCondition, prunedFiles } from './skipping/pruned-files.js';
export { withDeletions } from './snapshot.js';
export { type CreateTable, createTable, fileOf, filesAt, openTable, tableAt } from './table.js';
export { type CommitTime, commitTimes, type LogTimes, logTimes } from './travel/commit-times.js';
export { type VersionAt, versionAt } from './travel/version-at.js';
export type * from './types.js';
export { type Upsert, type Upserted, upsertRows } from './upsert.js';
export { type Vacuum, type Vacuumed, vacuum, vacuumTable } from './vacuum.js';
export { type Staged, type WriteParquet, writeParquet } from './write-parquet.js';
