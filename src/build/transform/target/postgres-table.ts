import { createReadStream } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { ParquetEngine } from '../../../store/delta/index.js';
import type { Tx, Warehouse } from '../../../store/engine/index.js';
import type { Transform } from '../files/definition.js';
import { literal, postgresType, quoted, viewOf } from '../sql-text.js';

/** Physical tables never change once published; their names say table, contract version and revision. */
export const PHYSICAL = /^[a-z_][a-z0-9_]*__v\d+__r\d+$/;
export const physicalSchema = (layer: string): string => `phys_${layer}`;
export const physicalTable = (transform: Transform, revision: number): string =>
  `${quoted(physicalSchema(transform.layer))}.${quoted(`${transform.table}__v${transform.version}__r${revision}`)}`;

/** Text compares by code point everywhere, whatever the server's own collation is. */
const columnSql = (column: Transform['columns'][number]): string =>
  `${quoted(column.name)} ${postgresType(column.type)}${column.type.kind === 'string' ? ' COLLATE "C"' : ''}${
    column.nullable ? '' : ' NOT NULL'
  }`;

const primaryKey = (transform: Transform): readonly string[] => {
  if (transform.surrogate !== undefined) return [transform.surrogate];
  const mayBeNull = transform.natural.some((name) => transform.columns.find((c) => c.name === name)?.nullable);
  return mayBeNull ? [] : transform.natural;
};

/**
 * Copies a table's staged rows into a new physical table, inside the publishing transaction: the same rows as in the lake, never
 * computed twice. The way is a CSV file of exact texts; an empty unquoted field is null, an empty quoted one is ''.
 */
export const copyToPostgres = async (
  options: {
    readonly tx: Tx;
    readonly warehouse: Warehouse;
    readonly engine: ParquetEngine;
    readonly stagingDir: string;
    readonly signal: AbortSignal | undefined;
  },
  transform: Transform,
  table: string,
): Promise<number> => {
  const { tx, engine, signal } = options;
  await tx.query(`CREATE SCHEMA IF NOT EXISTS ${quoted(physicalSchema(transform.layer))}`);
  await tx.query(`CREATE TABLE ${table} (${transform.columns.map(columnSql).join(', ')})`);
  await mkdir(options.stagingDir, { recursive: true });
  const file = join(options.stagingDir, `${transform.layer}.${transform.table}.csv`);
  try {
    await engine.execute(
      `COPY (SELECT ${transform.columns.map((c) => quoted(c.name)).join(', ')} FROM ${viewOf(transform.name)}) TO ${literal(file)} (FORMAT csv, HEADER false)`,
    );
    const rows = await options.warehouse.copyIn(
      tx,
      table,
      transform.columns.map((c) => c.name),
      createReadStream(file),
      { format: 'csv', ...(signal ? { signal } : {}) },
    );
    const key = primaryKey(transform);
    if (key.length > 0) await tx.query(`ALTER TABLE ${table} ADD PRIMARY KEY (${key.map(quoted).join(', ')})`);
    for (const index of transform.indexes) await tx.query(`CREATE INDEX ON ${table} (${index.map(quoted).join(', ')})`);
    await tx.query(`COMMENT ON TABLE ${table} IS ${literal(transform.description)}`);
    await tx.query(`ANALYZE ${table}`);
    return rows;
  } finally {
    await rm(file, { force: true });
  }
};

/** Declares what relationship checks have proven, so that tools see the star. The server does not enforce it (18 and later). */
export const declareForeignKeys = async (
  tx: Tx,
  transform: Transform,
  table: string,
  tableOf: (name: string) => { readonly table: string; readonly key: string | undefined } | undefined,
): Promise<void> => {
  for (const check of transform.checks) {
    const { question } = check;
    if (question.type !== 'relationship') continue;
    const target = tableOf(question.to);
    if (!target || target.key !== question.field) continue;
    const name = quoted(`${check.columns[0]}_fkey`);
    await tx.query(`ALTER TABLE ${table} DROP CONSTRAINT IF EXISTS ${name}`);
    await tx.query(
      `ALTER TABLE ${table} ADD CONSTRAINT ${name} FOREIGN KEY (${check.columns.map(quoted).join(', ')}) REFERENCES ${target.table} (${quoted(question.field)}) NOT ENFORCED`,
    );
  }
};
