import { sql } from 'kysely';
import { type On, stateOf } from './queries.js';

/** Queries of one shape (without any value), and how many of them rollups served. */
export interface ShapeRow {
  /** SHA-256 of the shape. */
  readonly hash: string;
  /** JSON. */
  readonly shape: unknown;
  readonly asked: number;
  readonly served: number;
}

/** What is kept: days, and shapes of one day; of more the least asked go. */
const DAYS = 14;
const MOST = 1_000;

/** Adds counts to those of today, and forgets what is old or too much. Call it in a transaction. */
export const countShapes = async (on: On, rows: readonly ShapeRow[]): Promise<void> => {
  if (rows.length === 0) return;
  const db = stateOf(on);
  // in one order, so that writers of several nodes never wait for each other in a circle
  await sql`
    INSERT INTO assay.query_shape AS s (day, hash, shape, asked, served)
    SELECT (now() AT TIME ZONE 'UTC')::date, r.hash, r.shape, r.asked, r.served
    FROM json_to_recordset(${JSON.stringify(rows)}::json) AS r(hash text, shape jsonb, asked bigint, served bigint)
    ORDER BY r.hash
    ON CONFLICT (day, hash) DO UPDATE SET asked = s.asked + excluded.asked, served = s.served + excluded.served`.execute(
    db,
  );
  await sql`
    DELETE FROM assay.query_shape WHERE day < (now() AT TIME ZONE 'UTC')::date - ${DAYS}::int
      OR (day, hash) IN (SELECT day, hash FROM assay.query_shape WHERE day = (now() AT TIME ZONE 'UTC')::date
        ORDER BY asked DESC, hash OFFSET ${MOST})`.execute(db);
};

/** All shapes that are kept, the most asked first. */
export const shapesOf = async (on: On): Promise<readonly ShapeRow[]> => {
  const rows = await stateOf(on)
    .selectFrom('assay.query_shape')
    .select(['hash', sql<string>`min(shape::text)`.as('shape')])
    .select([sql<string>`sum(asked)::text`.as('asked'), sql<string>`sum(served)::text`.as('served')])
    .groupBy('hash')
    .orderBy(sql`sum(asked) DESC, hash`)
    .execute();
  return rows.map((row) => ({
    hash: row.hash,
    shape: JSON.parse(row.shape) as unknown,
    asked: Number(row.asked),
    served: Number(row.served),
  }));
};
