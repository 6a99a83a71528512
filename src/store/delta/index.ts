export { type Change, type Committed, commit, findCommit, type Reads } from './commit.js';
export type { DeltaFiles } from './files.js';
export type { EngineOptions, EngineValue, ParquetEngine } from './parquet-engine.js';
export { appendFiles, overwritePartitions, overwriteTable, type Publish } from './publish.js';
export { relation, relationOf } from './relation.js';
export { type CreateTable, createTable, openTable, schemaOf, type TableColumn, tableAt } from './table.js';
export type * from './types.js';
export { type Staged, type WriteParquet, writeParquet } from './write-parquet.js';
