import { createHmac } from 'node:crypto';
import type { ParquetEngine } from '../../../store/delta/index.js';
import { quoted, viewOf } from '../sql-text.js';

const LENGTH = 26;
const FIRST_LETTER = 'g'.charCodeAt(0);
const ROWS = 5000;

/** HMAC-SHA-256 of an id: the first 26 hex digits, written in the letters g to v so that no digit of a real number can occur. */
export const pseudonymOf = (key: string, id: string): string =>
  [...createHmac('sha256', key).update(id, 'utf8').digest('hex').slice(0, LENGTH)]
    .map((digit) => String.fromCharCode(FIRST_LETTER + Number.parseInt(digit, 16)))
    .join('');

/** Names a key without telling it. */
export const pseudonymKeyId = (key: string): string =>
  createHmac('sha256', key).update('assay pseudonym key id').digest('hex').slice(0, 12);

export const PSEUDONYMS = viewOf('secret.pseudonyms');

/** Makes `{{secret.pseudonyms}}` (id, pseudonym, key_id) of all ids of a column. The key itself never reaches the engine. */
export const loadPseudonyms = async (
  engine: ParquetEngine,
  of: { readonly table: string; readonly column: string },
  key: string,
): Promise<void> => {
  await engine.execute(`CREATE OR REPLACE TEMP TABLE ${PSEUDONYMS} (id VARCHAR, pseudonym VARCHAR, key_id VARCHAR)`);
  const column = quoted(of.column);
  const rows = await engine.query(
    `SELECT DISTINCT ${column}::VARCHAR AS id FROM ${viewOf(of.table)} WHERE ${column} IS NOT NULL`,
  );
  const keyId = pseudonymKeyId(key);
  for (let at = 0; at < rows.length; at += ROWS) {
    const made = rows.slice(at, at + ROWS).map((row) => ({
      id: String(row['id']),
      pseudonym: pseudonymOf(key, String(row['id'])),
      key_id: keyId,
    }));
    await loadJson(engine, PSEUDONYMS, '{"id": "VARCHAR", "pseudonym": "VARCHAR", "key_id": "VARCHAR"}', made);
  }
};

/** Inserts rows that travel as one bound JSON parameter. `structure` is DuckDB's JSON structure of a row. */
export const loadJson = async (
  engine: ParquetEngine,
  table: string,
  structure: string,
  rows: readonly object[],
): Promise<void> => {
  await engine.execute(
    `INSERT INTO ${table} SELECT unnest(r) FROM (SELECT unnest(from_json($1::JSON, '[${structure}]')) AS r)`,
    { parameters: [JSON.stringify(rows)] },
  );
};
