import type { DataType, Dialect } from '../../../query/index.js';

/** What the two dialects say differently. Times are microseconds since 1970 throughout, so that both compare alike. */
export interface Words {
  readonly dialect: Dialect;
  /** A FROM item of the rows of JSON lists, `list` places: columns n, t, k0, k1, ... */
  given(places: readonly string[]): string;
  micros(sql: string): string;
  key(sql: string, type: DataType): string;
  /** One value that grows with (time, tie). Undefined: the dialect has no such wide integer. */
  tied: { event(e: string, tie: string): string; moment(t: string): string } | undefined;
}

const keyType = (type: DataType): string => (type.kind === 'string' ? 'VARCHAR' : 'BIGINT');

export const WORDS: Readonly<Record<Dialect, Words>> = {
  duckdb: {
    dialect: 'duckdb',
    given: ([t = '', ...keys]) => {
      const lists = keys.map((place, i) => `from_json(${place}, '["VARCHAR"]') AS k${i}`);
      const rows = keys.map((_, i) => `, unnest(l.k${i}) AS k${i}`).join('');
      return `(SELECT unnest(range(len(l.t))) AS n, unnest(l.t) AS t${rows} FROM (SELECT ${[`from_json(${t}, '["BIGINT"]') AS t`, ...lists].join(', ')}) AS l)`;
    },
    micros: (sql) => `epoch_us(CAST(${sql} AS TIMESTAMPTZ))`,
    key: (sql, type) => `CAST(${sql} AS ${keyType(type)})`,
    tied: {
      event: (e, tie) =>
        `CAST(${e} AS HUGEINT) * 18446744073709551616 + (CAST(${tie} AS HUGEINT) + 9223372036854775808)`,
      moment: (t) => `(CAST(${t} AS HUGEINT) + 1) * 18446744073709551616 - 1`,
    },
  },
  postgres: {
    dialect: 'postgres',
    given: ([t = '', ...keys]) => {
      const lists = [t, ...keys].map((place) => `jsonb_array_elements_text(CAST(${place} AS jsonb))`);
      const names = ['t', ...keys.map((_, i) => `k${i}`), 'o'];
      const columns = keys.map((_, i) => `, l.k${i}`).join('');
      return `(SELECT l.o - 1 AS n, CAST(l.t AS bigint) AS t${columns} FROM ROWS FROM (${lists.join(', ')}) WITH ORDINALITY AS l(${names.join(', ')}))`;
    },
    // numeric since PostgreSQL 14, so exact
    micros: (sql) => `CAST(extract(epoch FROM CAST(${sql} AS timestamptz)) * 1000000 AS bigint)`,
    key: (sql, type) => `CAST(${sql} AS ${keyType(type)})`,
    tied: undefined,
  },
};

/** What a look-up by time is of: rows of `relation`, one for each key and `q`. */
export interface LookUp {
  readonly relation: string;
  readonly q: string;
  /** Which key column of the spine. */
  readonly entity: number;
  /** The spine's moment, such as `s.t`; `strict`: before it, else up to and including. */
  readonly moment: string;
  readonly strict: boolean;
  readonly columns: readonly string[];
}

/**
 * For each row of the spine that has one, the relation's row with the greatest `q` before its moment: `n` and `columns`. Events and moments
 * are put in one order, and the greatest event so far is what a moment sees: one sort, in both engines. DuckDB's own ASOF join is no choice:
 * in 1.5.5 a prepared statement with one fails when it is executed again, and takes the whole instance with it (decision 0019).
 */
export const lookUp = ({ relation, q, entity, moment, strict, columns }: LookUp): string => {
  const list = columns.map((c) => `, p.${c}`).join('');
  const [event, own] = strict ? [1, 0] : [0, 1];
  const both = `SELECT p.k, p.${q} AS o, p.${q} AS q, ${event} AS side, CAST(NULL AS bigint) AS n FROM ${relation} p UNION ALL SELECT s.k${entity}, ${moment}, NULL, ${own}, s.n FROM spine s WHERE s.k${entity} IS NOT NULL`;
  const seen = `SELECT z.n, z.k, max(z.q) OVER (PARTITION BY z.k ORDER BY z.o, z.side ROWS UNBOUNDED PRECEDING) AS q FROM (${both}) z`;
  return `SELECT w.n${list} FROM (${seen}) w JOIN ${relation} p ON p.k = w.k AND p.${q} = w.q WHERE w.n IS NOT NULL`;
};
