export { openDuckDb } from './duckdb/open.js';
export type { DuckDb, DuckDbOptions, DuckDbParameter, DuckDbRow, DuckDbSession } from './duckdb/types.js';
export * from './engine.js';
export { startCluster } from './postgres/cluster.js';
export { connectPostgres } from './postgres/connect.js';
export type {
  Cluster,
  ClusterKind,
  ClusterOptions,
  CopyOptions,
  QueryResult,
  Row,
  SqlParameter,
  TransactionOptions,
  Tx,
  Warehouse,
  WarehouseOptions,
} from './postgres/types.js';
export { openWarehouse } from './postgres/warehouse.js';
export type * from './spark/gateway.js';
export { openSpark } from './spark/open.js';
