import type { ClusterKind } from './types.js';

const shared: Readonly<Record<string, string>> = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  timezone: 'UTC',
  log_timezone: 'UTC',
  datestyle: 'ISO, MDY',
  jit: 'off',
  // One process each for what a cluster of this size does not need.
  io_method: 'sync',
  max_logical_replication_workers: '0',
  max_wal_senders: '0',
  // With it, rows copied into a table made in the same transaction are not written twice.
  wal_level: 'minimal',
  huge_pages: 'off',
  // Statements carry data; the log keeps none.
  log_min_error_statement: 'panic',
  log_checkpoints: 'off',
};

const own: Readonly<Record<ClusterKind, Readonly<Record<string, string>>>> = {
  durable: {
    fsync: 'on',
    synchronous_commit: 'on',
    full_page_writes: 'on',
    shared_buffers: '64MB',
    work_mem: '32MB',
    maintenance_work_mem: '64MB',
    max_worker_processes: '4',
    max_wal_size: '512MB',
  },
  scratch: {
    fsync: 'off',
    synchronous_commit: 'off',
    full_page_writes: 'off',
    shared_buffers: '16MB',
    temp_buffers: '4MB',
    work_mem: '16MB',
    maintenance_work_mem: '32MB',
    max_worker_processes: '1',
    max_parallel_workers_per_gather: '0',
    min_wal_size: '8MB',
    max_wal_size: '64MB',
    checkpoint_timeout: '30min',
  },
};

const CONNECTIONS: Readonly<Record<ClusterKind, number>> = { durable: 60, scratch: 160 };

/** Start flags of a cluster. Idle, both clusters together hold well under 100 MB. */
export const serverFlags = (kind: ClusterKind, maxConnections = CONNECTIONS[kind]): string[] =>
  Object.entries({ ...shared, ...own[kind], max_connections: String(maxConnections) }).flatMap(([name, value]) => [
    '-c',
    `${name}=${value}`,
  ]);

/** The same on every machine: UTF-8, text ordered by code point (as DuckDB orders it), passwords never in clear. */
export const initFlags = (kind: ClusterKind): string[] => [
  '--encoding=UTF8',
  '--locale-provider=builtin',
  '--builtin-locale=C.UTF-8',
  '--locale=C',
  '--auth=scram-sha-256',
  ...(kind === 'scratch' ? ['--no-sync', '--wal-segsize=4'] : []),
];
