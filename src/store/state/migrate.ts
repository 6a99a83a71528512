import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { error } from '../../errors/index.js';
import type { Warehouse } from '../engine/index.js';

/**
 * Brings the schema `assay` of the warehouse to this version's layout: each file of `directory` (`0001_name.sql`) once, in order, in
 * one transaction under a lock. Errors: `home-newer` when the layout is of a newer version, `state-changed` when the text of an
 * applied file differs.
 */
export const migrate = async (
  warehouse: Warehouse,
  directory: string,
): Promise<{ readonly applied: readonly string[] }> => {
  const files = (await readdir(directory)).filter((name) => /^\d{4}_\w+\.sql$/.test(name)).sort();
  const known = await Promise.all(
    files.map(async (name) => {
      const text = await readFile(join(directory, name), 'utf8');
      return {
        version: Number(name.slice(0, 4)),
        name,
        text,
        checksum: createHash('sha256').update(text).digest('hex'),
      };
    }),
  );
  return warehouse.transaction(async (tx) => {
    await tx.query("SELECT pg_advisory_xact_lock(hashtextextended('assay migration', 0))");
    await tx.query('CREATE SCHEMA IF NOT EXISTS assay');
    await tx.query(
      `CREATE TABLE IF NOT EXISTS assay.migration (
         version integer PRIMARY KEY, name text NOT NULL, checksum text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())`,
    );
    const { rows: done } = await tx.query<{ version: number; name: string; checksum: string }>(
      'SELECT version, name, checksum FROM assay.migration ORDER BY version',
    );
    for (const row of done) {
      const file = known.find((k) => k.version === row.version);
      if (!file)
        throw error('home-newer', {
          home: 'of this state store',
          found: row.name,
          known: known.at(-1)?.name ?? 'none',
        });
      if (file.checksum !== row.checksum) throw error('state-changed', { file: file.name });
    }
    const missing = known.filter((k) => !done.some((row) => row.version === k.version));
    for (const file of missing) {
      await tx.query(file.text);
      await tx.query('INSERT INTO assay.migration (version, name, checksum) VALUES ($1, $2, $3)', [
        file.version,
        file.name,
        file.checksum,
      ]);
    }
    return { applied: missing.map((file) => file.name) };
  });
};
