export { type Change, type Committed, commit } from './commit/commit.js';
export type { ConflictKind, Isolation, Reads } from './commit/conflict.js';
export {
  appendFiles,
  overwritePartitions,
  overwriteTable,
  type Publish,
  type Replace,
  replaceFiles,
} from './commit/publish.js';
export type { ByteRange, DeltaFiles, FoundFile, Held, NeededFile } from './files.js';
export { findTables } from './find-tables.js';
export { fileKey, vectorId } from './format/file-key.js';
export { literal, quoted, schemaOf } from './format/schema.js';
export { holdsAllColumns } from './format/shape.js';
export { type HistoryEntry, historyOf } from './log/history.js';
export { findCommit } from './log/log.js';
export { type Optimize, type Optimized, optimizeTable } from './maintain/optimize.js';
export { type Restore, type RestoredTable, restoreTable } from './maintain/restore.js';
export { type Vacuum, type Vacuumed, vacuum, vacuumTable } from './maintain/vacuum.js';
export type { EngineOptions, EngineValue, ParquetEngine } from './parquet-engine.js';
export { addressText, isAddress, parseAddress } from './s3/address.js';
export { holdNamed, type Mount, type MountOptions, mountLake, scratchFolder } from './s3/mount.js';
export { damageOf, namingDamage } from './scan/damage.js';
export { relation, relationOf } from './scan/relation.js';
export { type RowLines, rowLines } from './scan/row-lines.js';
export {
  type Alter,
  addConstraint,
  dropConstraint,
  keepCommitTimes,
  setDomain,
  setProperties,
} from './schema/alter.js';
export { evolveTable } from './schema/evolve.js';
export { type FileCondition, prunedFiles } from './skipping/pruned-files.js';
export { withDeletions } from './snapshot/snapshot.js';
export { type CreateTable, createTable, fileOf, filesAt, openTable, tableAt } from './table.js';
export { type CommitTime, commitTimes, type LogTimes, logTimes } from './travel/commit-times.js';
export { type VersionAt, versionAt } from './travel/version-at.js';
export type * from './types.js';
export { type AdoptFolder, addsOfFolder } from './write/adopt.js';
export { type Upsert, type Upserted, upsertRows } from './write/upsert.js';
export { type Staged, type WriteParquet, writeParquet } from './write/write-parquet.js';
