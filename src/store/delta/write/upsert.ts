import { randomUUID } from 'node:crypto';
import { AssayError, error } from '../../../errors/index.js';
import type { Emit } from '../../../query/index.js';
import type { Committed } from '../commit/commit.js';
import { publishChange } from '../commit/publish-change.js';
import { keyText } from '../format/partitions.js';
import { duckdbType, quoted } from '../format/schema.js';
import type { EngineOptions, EngineValue, ParquetEngine } from '../parquet-engine.js';
import { checkWritable } from '../rules/writable.js';
import { namingDamage } from '../scan/damage.js';
import { relationOf } from '../scan/relation.js';
import type { AddFile, DeltaField, PartitionValues, Snapshot } from '../types.js';
import { partitionsIn, searchRows, searchSql } from './key-bounds.js';
import { type Staged, writeParquet } from './write-parquet.js';

export interface Upsert extends EngineOptions {
  readonly snapshot: Snapshot;
  /** The session that the SELECT runs in; default the table's. */
  readonly engine?: ParquetEngine;
  /** Gives every column of the schema by name, each key once. */
  readonly select: string;
  /**
   * Columns that name a row. Best with the partition columns among them: then only those partitions are read. The first of the others
   * decides by its bounds which files are read, and rows are sorted by it.
   */
  readonly key: readonly string[];
  /** Files go to `d/<stepId>/`. */
  readonly stepId: string;
  readonly txnId: string;
  /** About the megabytes of a file where the table is not partitioned. Default: one file. */
  readonly targetFileMb?: number;
  /** Milliseconds since 1970; default the clock. */
  readonly now?: number;
  readonly emit?: Emit;
}

/** Rows that came new, that replaced another, and that stood there already just so; files that were looked into and replaced. */
export interface Upserted extends Committed {
  readonly inserted: number;
  readonly updated: number;
  readonly unchanged: number;
  readonly filesRead: number;
  readonly filesReplaced: number;
}

/** Files that are compared by one statement. */
const AT_ONCE = 32;
const KEYS = new Set(['byte', 'short', 'integer', 'long', 'string', 'date', 'timestamp', 'timestamp_ntz', 'boolean']);

/** The columns that name a row. Errors: `delta-schema`. */
const keyFields = ({ table, schema }: Snapshot, key: readonly string[]): readonly DeltaField[] => {
  const wrong = (what: string) => error('delta-schema', { table: table.path, what });
  if (key.length === 0) throw wrong('rows are told apart by no column');
  return key.map((name) => {
    const field = schema.fields.find((f) => f.name === name);
    if (!field) throw wrong(`the key ${name} is none of its columns`);
    const { type } = field;
    if (typeof type !== 'string' || !(KEYS.has(type) || type.startsWith('decimal')))
      throw wrong(`${name} is a ${typeof type === 'string' ? type : type.type}: it cannot name rows`);
    return field;
  });
};

/** Tables of the session that an upsert works with; they are gone when it ends. */
interface Work {
  readonly given: Upsert;
  readonly engine: ParquetEngine;
  readonly options: EngineOptions;
  readonly key: readonly DeltaField[];
  /** All rows that come. */
  readonly incoming: string;
  /** Keys that are there: file number, key, and whether the row is just the same. */
  readonly found: string;
  /** Keys of rows that come and must be written: new, or different, or there more than once. */
  readonly news: string;
}

const count = (value: EngineValue | undefined): number => Number(typeof value === 'string' ? value : '0');
const columnsOf = (fields: readonly DeltaField[]): string => fields.map(({ name }) => quoted(name)).join(', ');
const ask = async (work: Work, sql: string): Promise<Readonly<Record<string, EngineValue>>> =>
  (await work.engine.query(sql, work.options))[0] ?? {};

/** Takes in the rows that come. Errors: `delta-constraint` where they do not name each row once. */
const takeIn = async (work: Work): Promise<void> => {
  const { given, engine, key } = work;
  const { schema, table } = given.snapshot;
  const columns = schema.fields.map((f) => `CAST(${quoted(f.name)} AS ${duckdbType(f.type)}) AS ${quoted(f.name)}`);
  await engine.execute(`CREATE TEMP TABLE ${work.incoming} AS SELECT ${columns.join(', ')} FROM (${given.select})`, {
    ...work.options,
    ...(given.parameters ? { parameters: given.parameters } : {}),
  });
  const isNull = key.map(({ name }) => `${quoted(name)} IS NULL`).join(' OR ');
  const row = await ask(
    work,
    `SELECT (SELECT count(*) FROM ${work.incoming} WHERE ${isNull})::VARCHAR AS "nulls",
      (SELECT coalesce(sum(n), 0) FROM (SELECT count(*) - 1 AS n FROM ${work.incoming} GROUP BY ${columnsOf(key)}))::VARCHAR AS "twice"`,
  );
  const names = key.map(({ name }) => name).join(', ');
  for (const [rows, constraint] of [
    [row['nulls'], `NOT NULL of the key (${names})`],
    [row['twice'], `the rule that each key (${names}) comes once`],
  ] as const)
    if (rows !== '0') throw error('delta-constraint', { table: table.path, constraint, rows: String(rows) });
};

/** Live files that may hold one of the keys. */
const candidates = async (work: Work): Promise<readonly AddFile[]> => {
  const { snapshot } = work.given;
  if (snapshot.adds.length === 0) return [];
  const search = { snapshot, keys: work.incoming, key: work.key };
  const rows = await work.engine.query(`SELECT i::VARCHAR AS i FROM (${searchSql(search)}) ORDER BY i`, {
    ...work.options,
    parameters: [searchRows(search, snapshot.adds)],
  });
  const wanted = new Set(rows.map((row) => count(row['i'])));
  return snapshot.adds.filter((_, i) => wanted.has(i));
};

/** Finds the rows that are there under the keys, and which of those that come make a difference. */
const compare = async (work: Work, files: readonly AddFile[]): Promise<void> => {
  const { engine, options, incoming, found, news, given } = work;
  const { snapshot } = given;
  const keys = columnsOf(work.key);
  await engine.execute(
    `CREATE TEMP TABLE ${found} AS SELECT 0 AS i, ${keys}, false AS same FROM ${incoming} LIMIT 0`,
    options,
  );
  const others = snapshot.schema.fields.filter((f) => !work.key.includes(f)).map(({ name }) => quoted(name));
  const same = others.map((name) => `e.${name} IS NOT DISTINCT FROM s.${name}`).join(' AND ') || 'true';
  for (let at = 0; at < files.length; at += AT_ONCE) {
    const parts = files
      .slice(at, at + AT_ONCE)
      .map((add, i) => `SELECT ${at + i} AS "assay i", * FROM ${relationOf(snapshot, [add])}`);
    await engine.execute(
      `INSERT INTO ${found} SELECT e."assay i", ${work.key.map(({ name }) => `e.${quoted(name)}`).join(', ')}, ${same}
        FROM (${parts.join(' UNION ALL ')}) e JOIN ${incoming} s USING (${keys})`,
      options,
    );
  }
  await engine.execute(
    `CREATE TEMP TABLE ${news} AS SELECT ${keys} FROM ${incoming} s ANTI JOIN
      (SELECT ${keys} FROM ${found} GROUP BY ${keys} HAVING count(*) = 1 AND bool_and(same)) USING (${keys})`,
    options,
  );
};

/** Numbers of the files in which a row is replaced. */
const changedFiles = async (work: Work): Promise<ReadonlySet<number>> => {
  const sql = `SELECT DISTINCT i::VARCHAR AS i FROM ${work.found} SEMI JOIN ${work.news} USING (${columnsOf(work.key)})`;
  return new Set((await work.engine.query(sql, work.options)).map((row) => count(row['i'])));
};

/** The rows of changed files that stay, and those that come. Errors: `internal` where a row was lost on the way. */
const write = async (work: Work, changed: readonly AddFile[]): Promise<Staged> => {
  const { given, incoming, found, news } = work;
  const { snapshot, stepId } = given;
  const [columns, keys] = [columnsOf(snapshot.schema.fields), columnsOf(work.key)];
  const staying = relationOf(snapshot, changed);
  const select = `SELECT ${columns} FROM ${staying} ANTI JOIN ${news} USING (${keys})
    UNION ALL SELECT ${columns} FROM ${incoming} SEMI JOIN ${news} USING (${keys})`;
  const order = work.key.filter(({ name }) => !snapshot.metadata.partitionColumns.includes(name));
  const staged = await writeParquet({
    ...{ snapshot, stepId, select, sortBy: order.map(({ name }) => name), engine: work.engine },
    ...(given.targetFileMb === undefined ? {} : { targetFileMb: given.targetFileMb }),
    ...work.options,
  });
  const row = await ask(
    work,
    `SELECT ((SELECT count(*) FROM ${staying}) - (SELECT count(*) FROM ${found} SEMI JOIN ${news} USING (${keys}))
      + (SELECT count(*) FROM ${news}))::VARCHAR AS n`,
  );
  if (count(row['n']) !== staged.rows) {
    await snapshot.table.files.removeFolder(`d/${stepId}`);
    throw error(
      'internal',
      {},
      new Error(`${snapshot.table.path}: ${staged.rows} rows written, ${String(row['n'])} expected`),
    );
  }
  return staged;
};

/** What an upsert has read: the partitions of the rows that come, where the key tells them; else any. */
const partitionsOf = async (work: Work): Promise<readonly PartitionValues[]> => {
  const fields = partitionsIn(work.given.snapshot, work.key);
  if (fields.length === 0) return [{}];
  const texts = fields.map(({ name }) => `${quoted(name)}::VARCHAR AS ${quoted(name)}`).join(', ');
  const rows = await work.engine.query(`SELECT DISTINCT ${texts} FROM ${work.incoming}`, work.options);
  return rows.map((row) =>
    Object.fromEntries(fields.map((field) => [field.name, keyText(field, String(row[field.name] ?? ''))])),
  );
};

const outcome = async (work: Work): Promise<Pick<Upserted, 'inserted' | 'updated' | 'unchanged'>> => {
  const keys = columnsOf(work.key);
  const row = await ask(
    work,
    `SELECT (SELECT count(*) FROM ${work.incoming})::VARCHAR AS "all", (SELECT count(*) FROM ${work.news})::VARCHAR AS "news",
      (SELECT count(*) FROM ${work.news} SEMI JOIN ${work.found} USING (${keys}))::VARCHAR AS "known"`,
  );
  const [all, news, updated] = [count(row['all']), count(row['news']), count(row['known'])];
  return { inserted: news - updated, updated, unchanged: all - news };
};

const publish = async (work: Work, files: readonly AddFile[]): Promise<Upserted> => {
  const { snapshot, txnId, stepId, now, emit, signal } = work.given;
  const numbers = await changedFiles(work);
  const changed = files.filter((_, i) => numbers.has(i));
  const rows = await outcome(work);
  const result = { ...rows, filesRead: files.length, filesReplaced: changed.length };
  if (rows.inserted + rows.updated === 0) return { version: snapshot.version, already: true, ...result };
  if (changed.length > 0 && snapshot.metadata.configuration['delta.enableChangeDataFeed']?.toLowerCase() === 'true')
    throw error('delta-unsupported', {
      table: snapshot.table.path,
      feature: 'changeDataFeed of rows that are updated',
    });
  const staged = await write(work, changed);
  try {
    const done = await publishChange({
      ...{ snapshot, adds: staged.adds, removes: changed, txnId, operation: 'MERGE' },
      reads: { partitions: await partitionsOf(work), files },
      parameters: { key: JSON.stringify(work.key.map(({ name }) => name)) },
      metrics: {
        numTargetRowsInserted: String(rows.inserted),
        numTargetRowsUpdated: String(rows.updated),
        numTargetFilesAdded: String(staged.adds.length),
        numTargetFilesRemoved: String(changed.length),
      },
      ...(now === undefined ? {} : { now }),
      ...(emit ? { emit } : {}),
      ...(signal ? { signal } : {}),
    });
    return { ...done, ...result };
  } catch (thrown) {
    // Only then is it sure that no commit names the files.
    if (thrown instanceof AssayError && thrown.code === 'delta-conflict')
      await snapshot.table.files.removeFolder(`d/${stepId}`);
    throw thrown;
  }
};

/**
 * Rows whose key is there replace the row there, others are added, by copy on write: only files that hold a row which changes are
 * written anew. Nothing is committed when nothing changes. Errors: `delta-constraint` (a key twice or null), `delta-schema` (a key that
 * is none), `delta-conflict`, `delta-unsupported`, those of `writeParquet`.
 */
export const upsertRows = async (given: Upsert): Promise<Upserted> => {
  const { snapshot, signal } = given;
  checkWritable(snapshot.table.path, snapshot.protocol, snapshot.metadata, snapshot.schema);
  const name = (part: string) => quoted(`assay_upsert_${part}_${id}`);
  const id = randomUUID();
  const work: Work = {
    ...{ given, engine: given.engine ?? snapshot.table.engine, options: signal ? { signal } : {} },
    ...{ key: keyFields(snapshot, given.key), incoming: name('in'), found: name('found'), news: name('news') },
  };
  try {
    await takeIn(work);
    const files = await candidates(work);
    await namingDamage(snapshot, files, work.options, () => compare(work, files));
    return await publish(work, files);
  } finally {
    for (const table of [work.incoming, work.found, work.news])
      await work.engine.execute(`DROP TABLE IF EXISTS ${table}`);
  }
};
