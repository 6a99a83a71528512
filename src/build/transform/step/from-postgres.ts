import { open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { to as copyTo } from 'pg-copy-streams';
import { error } from '../../../errors/index.js';
import type { Tx, Warehouse } from '../../../store/engine/index.js';
import { idOfRef, render } from '../files/template.js';
import { duckdbType, literal, postgresType, quoted, viewOf } from '../sql-text.js';
import { existingOf, nameOf, referencesIn, THIS } from './relations.js';
import { bindingProblem, bodyFor, type FoundColumn, shapeProblem, wantedColumns } from './shape.js';
import type { StepOrder, StepParts } from './step.js';

type Asked = Omit<StepOrder, 'stepId' | 'engine'>;

/** A seed as a relation of PostgreSQL: small enough to stand in the statement itself. */
const seedRelation = async (engine: StepParts['engine'], seed: StepOrder['seeds'][number]): Promise<string> => {
  const columns = seed.columns.map((c) => `${quoted(c.name)}::VARCHAR AS ${quoted(c.name)}`).join(', ');
  const rows = await engine.query(`SELECT ${columns} FROM ${viewOf(`seed.${seed.name}`)}`);
  const types = seed.columns.map((c) => `${quoted(c.name)} ${postgresType(c.type)}`).join(', ');
  return `jsonb_to_recordset(${literal(JSON.stringify(rows))}::jsonb) AS seed(${types})`;
};

/** The body with its inputs before it, under the names that DuckDB's session gives them. Seeds must be loaded there. */
export const postgresSelect = async (engine: StepParts['engine'], order: Asked): Promise<string> => {
  const { transform, inputs } = order;
  const body = bodyFor(transform, 'postgres');
  const invalid = (what: string) => error('transform-invalid', { file: body.file, line: body.line, what });
  const relations = new Map<string, string>();
  const put = (name: string, relation: string | undefined, what: string) => {
    if (relation === undefined) throw invalid(`postgres: ${what} is not in PostgreSQL; targets of its file decide`);
    relations.set(name, relation);
  };
  for (const of of referencesIn(transform, body.text, body.line)) {
    if (of.kind === 'pseudonyms' || of.kind === 'checks')
      throw invalid(`postgres: {{${of.kind === 'checks' ? 'checks' : 'secret.pseudonyms'}}} is made in DuckDB only`);
    const name = of.kind === 'ref' ? idOfRef(of, (id) => inputs.has(id)) : of.kind === 'source' ? of.name : undefined;
    if (name !== undefined) put(viewOf(name), inputs.get(name)?.postgres, name);
    if (of.kind === 'this') put(THIS, existingOf(order).postgres, 'the table itself');
    const seed = of.kind === 'seed' ? order.seeds.find((one) => one.name === of.name) : undefined;
    if (seed) relations.set(viewOf(`seed.${seed.name}`), await seedRelation(engine, seed));
  }
  const given = [...relations].map(([name, relation]) => `${name} AS NOT MATERIALIZED (SELECT * FROM ${relation})`);
  const select = render(body.file, body.text, body.line, nameOf(order), 'postgres');
  return `${given.length === 0 ? '' : `WITH ${given.join(', ')} `}SELECT * FROM (\n${select}\n) AS body`;
};

/** VARCHAR without a length holds what text holds. */
const sameType = (found: string, wanted: string): boolean =>
  found === wanted || (wanted === 'text' && found === 'character varying');

/** Columns that the server says the SELECT gives; no row is made. */
const describeIn = async (tx: Tx, select: string): Promise<readonly FoundColumn[]> => {
  const { fields } = await tx.client.query(`SELECT * FROM (${select}) AS described LIMIT 0`);
  const { rows } = await tx.query<{ type: string }>(
    `SELECT format_type(o, m) AS type FROM unnest($1::oid[], $2::int[]) WITH ORDINALITY AS t(o, m, i) ORDER BY i`,
    [fields.map((field) => field.dataTypeID), fields.map((field) => field.dataTypeModifier)],
  );
  return fields.map((field, i) => ({ name: field.name, type: rows[i]?.type ?? '' }));
};

/** What is wrong with the SELECT on PostgreSQL; undefined: it gives the wanted columns. */
const problemIn = async (tx: Tx, order: Asked, select: string): Promise<string | undefined> =>
  shapeProblem(order.transform, await describeIn(tx, select), postgresType, sameType);

const inSnapshot = async <T>(warehouse: Warehouse, order: Asked, work: (tx: Tx) => Promise<T>): Promise<T> => {
  const body = bodyFor(order.transform, 'postgres');
  try {
    return await warehouse.transaction(work, {
      isolation: 'repeatable read',
      readOnly: true,
      ...(order.signal ? { signal: order.signal } : {}),
    });
  } catch (thrown) {
    const what = bindingProblem(thrown);
    if (what === undefined) throw thrown;
    throw error('transform-invalid', { file: body.file, line: body.line, what: `postgres: ${what}` }, thrown);
  }
};

/** Asks PostgreSQL for the SELECT's columns. Errors: `transform-invalid`, `postgres-unavailable`. */
export const askPostgres = async (parts: Pick<StepParts, 'engine' | 'warehouse'>, order: Asked): Promise<void> => {
  const select = await postgresSelect(parts.engine, order);
  const problem = await inSnapshot(parts.warehouse, order, (tx) => problemIn(tx, order, select));
  const { file, line } = bodyFor(order.transform, 'postgres');
  if (problem !== undefined) throw error('transform-invalid', { file, line, what: `postgres: ${problem}` });
};

/** Rows as a file: every value in quotes, null as a bare \N, so that no text can be taken for another. */
const copyOut = async (tx: Tx, select: string, file: string): Promise<void> => {
  const out = await open(file, 'w');
  try {
    const rows = tx.client.query(copyTo(`COPY (${select}) TO STDOUT (FORMAT csv, NULL '\\N', FORCE_QUOTE *)`));
    // A connection in the middle of a COPY can do nothing else, so the rest is read even when it cannot be written.
    let failed: unknown;
    for await (const chunk of rows) {
      if (failed !== undefined) continue;
      try {
        await out.write(chunk as Buffer);
      } catch (thrown) {
        failed = thrown;
      }
    }
    if (failed !== undefined) throw failed;
  } finally {
    await out.close();
  }
};

/**
 * Computes the SELECT in PostgreSQL, in one snapshot, and gives its rows as a SELECT of DuckDB with the wanted types; `drop` removes
 * the file between. Errors: `transform-invalid`, `engine-failed`, `disk-full`, `cancelled`.
 */
export const fromPostgres = async (
  parts: Pick<StepParts, 'engine' | 'warehouse' | 'tmp'>,
  order: StepOrder,
): Promise<{ readonly select: string; readonly columns: readonly string[]; readonly drop: () => Promise<void> }> => {
  const { transform } = order;
  const select = await postgresSelect(parts.engine, order);
  const file = join(parts.tmp, `${order.stepId}.csv`);
  const drop = () => rm(file, { force: true });
  try {
    const names = await inSnapshot(parts.warehouse, order, async (tx) => {
      const found = await describeIn(tx, select);
      const problem = shapeProblem(transform, found, postgresType, sameType);
      const body = bodyFor(transform, 'postgres');
      if (problem !== undefined)
        throw error('transform-invalid', { file: body.file, line: body.line, what: `postgres: ${problem}` });
      await copyOut(tx, select, file);
      return found.map(({ name }) => name);
    });
    const columns = wantedColumns(transform, names);
    const read = columns.map((c) => `${literal(c.name)}: 'VARCHAR'`).join(', ');
    const cast = columns.map((c) => `CAST(${quoted(c.name)} AS ${duckdbType(c.type)}) AS ${quoted(c.name)}`);
    return {
      select: `SELECT ${cast.join(', ')} FROM read_csv(${literal(file)}, auto_detect = false, header = false, delim = ',', quote = '"',
        escape = '"', nullstr = '\\N', allow_quoted_nulls = false, max_line_size = 33554432, columns = {${read}})`,
      columns: names,
      drop,
    };
  } catch (thrown) {
    await drop();
    throw (thrown as NodeJS.ErrnoException).code === 'ENOSPC'
      ? error('disk-full', { path: parts.tmp }, thrown)
      : thrown;
  }
};
