import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { AssayError, error } from '../../../errors/index.js';
import { addsOfFolder, type Staged } from '../../../store/delta/index.js';
import type { SparkGateway, SparkOptions } from '../../../store/engine/index.js';
import type { Transform } from '../files/definition.js';
import { duckdbType, literal, quoted, sparkType } from '../sql-text.js';
import { bodyFor, shapeProblem, wantedColumns } from './shape.js';
import { LINES_ABOVE_BODY, type SparkOrder, type SparkSelect, sparkSelect } from './spark-select.js';
import type { StepOrder, StepParts } from './step.js';

/** A server that went away in the middle of a step costs the step and nothing else; this often it is begun again. */
const ATTEMPTS = 3;
const LOST = new Set(['spark-session-lost', 'spark-unavailable']);

type Parts = Pick<StepParts, 'engine' | 'spark' | 'emit'> & { readonly tmp?: string | undefined };

/** Work on a step's SELECT in a session of its own, from its start where the session is lost. Errors: `spark-unavailable`, those of the work. */
const onSpark = async <T>(
  parts: Parts,
  order: SparkOrder,
  work: (gateway: SparkGateway, select: SparkSelect) => Promise<T>,
): Promise<T> => {
  const { spark } = parts;
  const { file, line } = bodyFor(order.transform, 'spark');
  if (!spark) throw error('transform-invalid', { file, line, what: 'spark: no Spark server is configured' });
  for (let attempt = 1; ; attempt++)
    try {
      return await spark.session(async (gateway) => {
        const select = await sparkSelect(gateway, parts, order);
        try {
          const result = await work(gateway, select);
          await select.drop();
          return result;
        } finally {
          select.release();
        }
      }, order.signal);
    } catch (thrown) {
      const lost = thrown instanceof AssayError && LOST.has(thrown.code);
      if (!lost || attempt === ATTEMPTS || order.signal?.aborted) throw thrown;
      parts.emit?.('notice', { message: `${order.transform.id}: ${thrown.message}; its step begins again` });
    }
};

/** What Spark says of a SELECT that it does not take: its condition and names, never data. */
const sparkProblem = (transform: Transform, thrown: unknown): unknown => {
  if (!(thrown instanceof AssayError) || thrown.code !== 'spark-sql-invalid') return thrown;
  const body = bodyFor(transform, 'spark');
  const { condition, name, line } = thrown.parameters;
  const at = typeof line === 'number' && line > LINES_ABOVE_BODY ? body.line + line - LINES_ABOVE_BODY - 1 : body.line;
  const what = `spark: ${String(condition)}${name === undefined ? '' : ` (${String(name)})`}`;
  return error('transform-invalid', { file: body.file, line: at, what }, thrown);
};

/** Columns that Spark says the SELECT gives, which must be the wanted ones; nothing is run. Errors: `transform-invalid`. */
const checkedColumns = async (
  gateway: SparkGateway,
  order: SparkOrder,
  select: SparkSelect,
): Promise<readonly string[]> => {
  const { transform, signal } = order;
  const found = await gateway
    .dryRun(select.sql, signal ? { signal } : {})
    .catch((thrown: unknown) => Promise.reject(sparkProblem(transform, thrown)));
  const named = found.map(({ name, ddl }) => ({ name, type: ddl }));
  const problem = shapeProblem(transform, named, sparkType);
  const { file, line } = bodyFor(transform, 'spark');
  if (problem !== undefined) throw error('transform-invalid', { file, line, what: `spark: ${problem}` });
  return found.map(({ name }) => name);
};

/** Asks Spark for the SELECT's columns. Errors: `transform-invalid`, `spark-unavailable`, ... */
export const askSpark = (parts: Parts, order: SparkOrder): Promise<void> =>
  onSpark({ ...parts, tmp: undefined }, order, async (gateway, select) => {
    await checkedColumns(gateway, order, select);
  });

const watched = (parts: Parts, { transform, signal }: SparkOrder, { bytes }: SparkSelect): SparkOptions => ({
  inputBytes: bytes,
  onProgress: ({ tasks, completed, bytesRead }) =>
    parts.emit?.('transform.computing', { model: transform.id, engine: 'spark', tasks, completed, bytesRead }),
  ...(signal ? { signal } : {}),
});

/**
 * Computes the SELECT in Spark into files of the step's own folder, as a table of the lake takes them: for kinds whose rows are the
 * SELECT's. Errors: `transform-invalid`, `engine-failed`, `disk-full`, `spark-unavailable`, `cancelled`.
 */
export const stageOnSpark = (parts: Omit<StepParts, 'warehouse'>, order: StepOrder): Promise<Staged> =>
  onSpark(parts, order, async (gateway, select) => {
    const { snapshot, engine } = parts;
    const { files } = snapshot.table;
    await checkedColumns(gateway, order, select);
    const folder = `d/${order.stepId}`;
    await files.removeFolder(folder);
    await files.makeFolder(folder);
    try {
      await gateway.writeParquet(
        {
          ...{ sql: select.sql, path: files.location(folder), partitionBy: snapshot.metadata.partitionColumns },
          sortBy: order.transform.clusterBy,
        },
        watched(parts, order, select),
      );
      const signal = order.signal ? { signal: order.signal } : {};
      return await addsOfFolder({ engine, snapshot, folder, verify: false, ...signal });
    } catch (thrown) {
      await files.removeFolder(folder);
      throw thrown;
    }
  });

/**
 * Computes the SELECT in Spark, and gives its rows as a SELECT of DuckDB with the wanted types; `drop` removes the files between.
 * Errors: as of `stageOnSpark`.
 */
export const fromSpark = async (
  parts: Parts & Pick<StepParts, 'tmp'>,
  order: StepOrder,
): Promise<{ readonly select: string; readonly columns: readonly string[]; readonly drop: () => Promise<void> }> => {
  const { transform } = order;
  const path = join(parts.tmp, `${order.stepId}.spark`);
  const drop = () => rm(path, { recursive: true, force: true });
  try {
    const columns = await onSpark(parts, order, async (gateway, select) => {
      const names = await checkedColumns(gateway, order, select);
      await gateway.writeParquet({ sql: select.sql, path, partitionBy: [] }, watched(parts, order, select));
      return names;
    });
    const files = (await readdir(path)).filter((name) => name.endsWith('.parquet')).sort();
    const wanted = wantedColumns(transform, columns);
    const cast = (value: (name: string) => string) =>
      wanted.map((c) => `CAST(${value(c.name)} AS ${duckdbType(c.type)}) AS ${quoted(c.name)}`).join(', ');
    const select =
      files.length === 0
        ? `SELECT ${cast(() => 'NULL')} WHERE false`
        : `SELECT ${cast(quoted)} FROM read_parquet([${files.map((name) => literal(join(path, name))).join(', ')}], hive_partitioning = false)`;
    return { select, columns, drop };
  } catch (thrown) {
    await drop();
    throw thrown;
  }
};
