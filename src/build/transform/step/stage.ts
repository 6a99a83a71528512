import { createHash } from 'node:crypto';
import { AssayError, error } from '../../../errors/index.js';
import { type Emit, typeText } from '../../../query/index.js';
import {
  type AddFile,
  createTable,
  findCommit,
  type ParquetEngine,
  relationOf,
  type Snapshot,
  writeParquet,
} from '../../../store/delta/index.js';
import type { Transform } from '../files/definition.js';
import { type Reference, render } from '../files/template.js';
import { duckdbType, quoted, viewOf } from '../sql-text.js';

/** A table's new rows as Parquet files that nobody sees yet. */
export interface StagedTable {
  readonly transform: Transform;
  readonly snapshot: Snapshot;
  readonly adds: readonly AddFile[];
  readonly rows: number;
  /** Folder below the lake. */
  readonly path: string;
  readonly contentHash: string;
}

export interface StageOptions {
  readonly engine: ParquetEngine;
  /** Absolute folder of the lake. */
  readonly lake: string;
  readonly buildId: string;
  readonly emit: Emit;
  readonly signal: AbortSignal | undefined;
}

/** A folder belongs to one shape, so a table of another contract never meets the files of the old one. */
export const lakePath = (transform: Transform): string => {
  const shape = transform.columns.map((c) => [c.name, typeText(c.type), c.nullable]);
  const print = createHash('sha256')
    .update(JSON.stringify([shape, transform.partition?.column ?? null]))
    .digest('hex')
    .slice(0, 8);
  return `${transform.layer}/${transform.table}/v${transform.version}/${print}`;
};

/** What a reference is while a build runs: a temporary view or table of the session. */
export const sessionName =
  (self: Transform, runTs: string) =>
  (of: Reference): string => {
    switch (of.kind) {
      case 'ref':
      case 'source':
        return viewOf(of.name);
      case 'seed':
        return viewOf(`seed.${of.name}`);
      case 'this':
        return viewOf(self.name);
      case 'pseudonyms':
        return viewOf('secret.pseudonyms');
      case 'checks':
        return viewOf('checks');
      case 'partition':
        throw error('internal', {});
      case 'run':
        return `TIMESTAMPTZ '${runTs}'`;
    }
  };

/** The engine's words about a statement that does not bind; it holds names, never data. */
const bindingProblem = (thrown: unknown): string | undefined => {
  if (!(thrown instanceof AssayError) || thrown.code !== 'engine-failed') return undefined;
  const words = thrown.cause instanceof Error ? thrown.cause.message.split('\n')[0] : undefined;
  return words ?? 'the SELECT does not fit its inputs';
};

/** The SELECT must give exactly the contract's columns: names, order and types. Nothing is run. */
const checkShape = async (engine: ParquetEngine, transform: Transform, select: string): Promise<void> => {
  const { file, bodyLine: line } = transform;
  const described = await engine.query(`DESCRIBE ${select}`).catch((thrown: unknown) => {
    const what = bindingProblem(thrown);
    throw what === undefined ? thrown : error('transform-invalid', { file, line, what }, thrown);
  });
  const found = described.map((row) => `${String(row['column_name'])} ${String(row['column_type'])}`);
  const wanted = transform.columns.map((c) => `${c.name} ${duckdbType(c.type)}`);
  const at = wanted.findIndex((column, i) => column !== found[i]);
  if (at >= 0 || found.length !== wanted.length) {
    const i = at >= 0 ? at : wanted.length;
    throw error('transform-invalid', {
      file,
      line,
      what: `column ${i + 1} of the SELECT is ${found[i] ?? 'missing'}, the contract says ${wanted[i] ?? 'nothing'}`,
    });
  }
};

/** The same rows in any order and any files have the same hash. Sums, because with XOR two pairs of equal rows would cancel out. */
const contentHashOf = async (engine: ParquetEngine, transform: Transform): Promise<string> => {
  const parts = transform.columns.map(
    ({ name }) => `coalesce(replace(${quoted(name)}::VARCHAR, chr(31), chr(31) || chr(31)), chr(30))`,
  );
  const [row] = await engine.query(
    `SELECT count(*)::VARCHAR AS n, coalesce(sum(md5_number_lower(t)), 0)::VARCHAR AS low, coalesce(sum(md5_number_upper(t)), 0)::VARCHAR AS high
     FROM (SELECT concat_ws(' ' || chr(31) || ' ', ${parts.join(', ')}) AS t FROM ${viewOf(transform.name)})`,
  );
  return createHash('sha256')
    .update(`${String(row?.['n'])}:${String(row?.['low'])}:${String(row?.['high'])}`)
    .digest('hex');
};

/**
 * Computes a table once, as Parquet files in its folder, and makes it readable in the session under its name.
 * Errors: `transform-invalid`, `contract-broken`, `engine-failed`, `disk-full`, `cancelled`.
 */
export const stageTable = async (options: StageOptions, transform: Transform, runTs: string): Promise<StagedTable> => {
  const { engine, buildId, signal } = options;
  const started = performance.now();
  const select = render(transform.file, transform.body, transform.bodyLine, sessionName(transform, runTs));
  await checkShape(engine, transform, select);
  const path = lakePath(transform);
  const snapshot = await createTable(`${options.lake}/${path}`, engine, {
    columns: transform.columns,
    partitionColumns: transform.partition === undefined ? [] : [transform.partition.column],
    description: transform.description.replaceAll(/\s+/g, ' '),
  });
  const staged = await writeParquet({
    engine,
    snapshot,
    select,
    sortBy: transform.clusterBy,
    stepId: buildId,
    ...(signal ? { signal } : {}),
  }).catch((thrown: unknown) => {
    if (thrown instanceof AssayError && thrown.code === 'delta-constraint')
      throw error(
        'contract-broken',
        {
          model: transform.name,
          file: transform.file,
          what: `${String(thrown.parameters['constraint'])} does not hold for ${String(thrown.parameters['rows'])} rows`,
        },
        thrown,
      );
    throw thrown;
  });
  await engine.execute(
    `CREATE OR REPLACE TEMP VIEW ${viewOf(transform.name)} AS SELECT * FROM ${relationOf(snapshot, staged.adds)}`,
  );
  const contentHash = await contentHashOf(engine, transform);
  options.emit('transform.step', {
    model: transform.name,
    rows: staged.rows,
    milliseconds: Math.round(performance.now() - started),
    engine: 'duckdb',
  });
  return { transform, snapshot, adds: staged.adds, rows: staged.rows, path, contentHash };
};

/** Takes back what was staged and is not needed; files that a commit names stay. */
export const dropStaged = async ({ snapshot }: StagedTable, buildId: string): Promise<void> => {
  if ((await findCommit(snapshot.table, buildId, snapshot.version)) === undefined)
    await snapshot.table.files.removeFolder(`d/${buildId}`);
};
