import { entry } from './entry.js';

/** Ingest, transforms, rollups. */
export const build = {
  'file-unreadable': entry<{ file: string; why: string }>({
    blame: 'operator',
    status: 400,
    sqlstate: '58030',
    exit: 1,
    message: (p) => `${p.file} cannot be read: ${p.why}`,
  }),
  'file-refused': entry<{ file: string; why: string; way: string }>({
    blame: 'data',
    status: 400,
    sqlstate: '22000',
    exit: 1,
    message: (p) => `${p.file} was refused, nothing was written: ${p.why}`,
    hint: (p) => p.way,
  }),
  'source-unknown': entry<{ name: string; known: readonly string[] }>({
    blame: 'caller',
    status: 400,
    sqlstate: '42704',
    exit: 2,
    message: (p) => `there is no source ${p.name}`,
    hint: (p) => `sources: ${p.known.join(', ')}`,
  }),
  'transform-invalid': entry<{ file: string; line: number; what: string }>({
    blame: 'model',
    status: 500,
    sqlstate: '42601',
    exit: 1,
    message: (p) => `${p.file}:${p.line}: ${p.what}`,
  }),
  'contract-broken': entry<{ model: string; file: string; what: string }>({
    blame: 'data',
    status: 500,
    sqlstate: '23514',
    exit: 1,
    message: (p) => `${p.model} breaks its contract (${p.file}): ${p.what}`,
    hint: () => 'nothing was published; readers stay on the last good version',
  }),
  'check-failed': entry<{ model: string; check: string; failed: string; evaluated: string }>({
    blame: 'data',
    status: 500,
    sqlstate: '23514',
    exit: 1,
    message: (p) => `${p.model}: check ${p.check} failed for ${p.failed} of ${p.evaluated} rows`,
    hint: () => 'nothing was published; gold.data_quality_metrics and `assay status` have the details',
  }),
  'rollup-unsupported': entry<{ file: string; line: number; what: string }>({
    blame: 'model',
    status: 500,
    sqlstate: '0A000',
    exit: 1,
    message: (p) => `${p.file}:${p.line}: ${p.what}`,
  }),
  'proof-failed': entry<{ rollup: string; partition: string; difference: string }>({
    blame: 'data',
    status: 500,
    sqlstate: '23514',
    exit: 1,
    message: (p) => `rollup ${p.rollup} partition ${p.partition} is not equal to raw: ${p.difference}`,
    hint: () => 'it was not published; the last good version stays',
  }),
  'rollup-unavailable': entry<{ rollup: string; partition: string; why: string }>({
    blame: 'dependency',
    status: 503,
    sqlstate: '55000',
    exit: 1,
    message: (p) => `rollup ${p.rollup} partition ${p.partition} cannot be loaded: ${p.why}`,
    hint: () => 'the question can go to the source; `assay rollups build` makes the partition again',
  }),
};
