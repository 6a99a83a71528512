import { type RawBuilder, sql } from 'kysely';

/** A timestamptz column as microseconds since 1970 UTC, in text: exact, and no date text is parsed. */
export const microsOf = (column: string): RawBuilder<string> =>
  sql<string>`(extract(epoch from ${sql.ref(column)}) * 1000000)::bigint`;
