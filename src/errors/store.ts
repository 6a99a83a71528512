import { entry } from './entry.js';

/** Engines, lake, key-value store. Messages of a source never reach a caller: they carry data. */
export const store = {
  'postgres-unavailable': entry<{ what: string; why: string }>({
    blame: 'dependency',
    status: 503,
    sqlstate: '08006',
    exit: 1,
    message: (p) => `${p.what} is not reachable: ${p.why}`,
    hint: () => 'see /ready and the log; the request can be sent again',
  }),
  'postgres-cannot-run': entry<{ why: string; way: string }>({
    blame: 'operator',
    status: 500,
    sqlstate: '58000',
    exit: 1,
    message: (p) => `the embedded PostgreSQL cannot run here: ${p.why}`,
    hint: (p) => p.way,
  }),
  'redis-unavailable': entry<{ why: string }>({
    blame: 'dependency',
    status: 503,
    sqlstate: '08006',
    exit: 1,
    message: (p) => `the key-value store of ASSAY_REDIS_URL is not reachable: ${p.why}`,
    hint: () => 'start it, or unset ASSAY_REDIS_URL to use the embedded store',
  }),
  'engine-failed': entry<{ engine: string; sqlstate?: string }>({
    blame: 'data',
    status: 500,
    sqlstate: '58000',
    exit: 1,
    message: (p) => `the ${p.engine} engine could not run the statement${p.sqlstate ? ` (${p.sqlstate})` : ''}`,
    hint: () => 'the log has the engine’s own message under this request id',
  }),
  'value-does-not-fit': entry<{ column: string; type: string }>({
    blame: 'model',
    status: 500,
    sqlstate: '22003',
    exit: 1,
    message: (p) => `a value of ${p.column} does not fit its declared type ${p.type}`,
    hint: (p) => `widen meta.type of ${p.column} in the model`,
  }),
  'delta-unsupported': entry<{ table: string; feature: string }>({
    blame: 'data',
    status: 500,
    sqlstate: '0A000',
    exit: 1,
    message: (p) => `the Delta table ${p.table} uses the feature ${p.feature}, which this version does not support`,
  }),
  'delta-corrupt': entry<{ file: string; why: string }>({
    blame: 'data',
    status: 500,
    sqlstate: 'XX001',
    exit: 1,
    message: (p) => `${p.file} is damaged: ${p.why}`,
  }),
  'delta-conflict': entry<{ table: string; version: number; kind: string }>({
    blame: 'dependency',
    status: 409,
    sqlstate: '40001',
    exit: 1,
    message: (p) => `another writer committed version ${p.version} of ${p.table} (${p.kind})`,
    hint: () => 'run the command again',
  }),
};
