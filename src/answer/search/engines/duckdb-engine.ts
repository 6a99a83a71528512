import type { DuckDbSession } from '../../../store/engine/index.js';
import { collectionOf, type Dims, type EngineFound, type EngineRecord, type SearchEngine } from './engine.js';

/** A comparison of every document: no index beside the columns, right to the last document, and fast enough to some 100,000. */
export const duckdbEngine = (duckdb: Pick<DuckDbSession, 'execute' | 'query'>): SearchEngine => {
  const list = (values: readonly string[]) => JSON.stringify(values);
  const within = (parts: string) => `part IN (SELECT unnest(from_json(${parts}, '["VARCHAR"]')))`;
  const options = (signal?: AbortSignal) => (signal ? { signal } : {});
  return {
    name: 'duckdb',
    setting: 'ASSAY_SEARCH',
    check: async () => {},
    prepare: async (dims, signal) => {
      const vector = dims === undefined ? '' : `, vector FLOAT[${dims}]`;
      await duckdb.execute(
        `CREATE TABLE IF NOT EXISTS ${collectionOf(dims)} (id VARCHAR, part VARCHAR, words VARCHAR[], grams VARCHAR[]${vector})`,
        [],
        options(signal),
      );
    },
    counts: async (dims, parts, signal) => {
      const rows = await duckdb.query<{ part: string; n: number }>(
        `SELECT part, count(*)::INTEGER AS n FROM ${collectionOf(dims)} WHERE ${within('$1')} GROUP BY part`,
        [list(parts)],
        options(signal),
      );
      return new Map(rows.map(({ part, n }) => [part, n] as const));
    },
    put: async (dims, records, signal) => {
      const table = collectionOf(dims);
      await duckdb.execute(
        `DELETE FROM ${table} WHERE id IN (SELECT unnest(from_json($1, '["VARCHAR"]')))`,
        [list(records.map((r) => r.id))],
        options(signal),
      );
      const vector = dims === undefined ? '' : `, r.vector::FLOAT[${dims}]`;
      await duckdb.execute(
        `INSERT INTO ${table} SELECT r.id, r.part, r.words, r.grams${vector} FROM (SELECT unnest(from_json($1, '${formOf(dims)}')) AS r)`,
        [JSON.stringify(records.map(rowOf))],
        options(signal),
      );
    },
    drop: async (dims, parts, signal) => {
      await duckdb.execute(`DELETE FROM ${collectionOf(dims)} WHERE ${within('$1')}`, [list(parts)], options(signal));
    },
    find: async (dims, parts, { words, grams, vector, most }, signal): Promise<EngineFound> => {
      const texts: string[] = [list(parts)];
      const given = (values: readonly string[]) => `from_json($${texts.push(list(values))}, '["VARCHAR"]')`;
      const score = words.map(
        ({ terms, weight }) => `CASE WHEN list_has_any(words, ${given(terms)}) THEN ${weight} ELSE 0 END`,
      );
      const spelt = `len(list_intersect(grams, ${given(grams)})) / sqrt(greatest(len(grams), 1))`;
      const near = vector
        ? `array_inner_product(vector, [${vector.join(',')}]::FLOAT[${vector.length}])`
        : 'NULL::FLOAT';
      const rows = await duckdb.query<{ kind: string; id: string; n: number; near: number }>(
        `WITH d AS MATERIALIZED (
           SELECT id, ${score.length > 0 ? score.join(' + ') : '0'} AS words, ${spelt} AS spelt, ${near} AS near
           FROM ${collectionOf(dims)} WHERE ${within('$1')})
         SELECT 'all' AS kind, '' AS id, count(*)::INTEGER AS n, 0::DOUBLE AS near FROM d
         UNION ALL (SELECT 'words', id, 0, 0 FROM d WHERE words > 0 ORDER BY words DESC, id LIMIT ${most})
         UNION ALL (SELECT 'grams', id, 0, 0 FROM d WHERE spelt > 0 ORDER BY spelt DESC, id LIMIT ${most})
         UNION ALL (SELECT 'near', id, 0, near FROM d WHERE near IS NOT NULL ORDER BY near DESC, id LIMIT ${most})`,
        texts,
        options(signal),
      );
      const found = rows.filter((r) => r.kind !== 'all');
      return {
        ids: new Set(found.map((r) => r.id)),
        near: new Map(found.flatMap((r) => (r.kind === 'near' ? [[r.id, r.near] as const] : []))),
        documents: rows.find((r) => r.kind === 'all')?.n ?? 0,
      };
    },
    close: async () => {},
  };
};

const formOf = (dims: Dims): string =>
  JSON.stringify([
    {
      id: 'VARCHAR',
      part: 'VARCHAR',
      words: ['VARCHAR'],
      grams: ['VARCHAR'],
      ...(dims === undefined ? {} : { vector: ['FLOAT'] }),
    },
  ]);

const rowOf = ({ id, part, words, grams, vector }: EngineRecord): object => ({
  id,
  part,
  words,
  grams,
  ...(vector ? { vector: [...vector] } : {}),
});
