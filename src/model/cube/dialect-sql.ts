import type { DataType } from '../../query/index.js';

/** How one engine writes what our legs need beyond Cube. All of it is independent of the session's zone. */
export interface DialectSql {
  readonly name: string;
  /** A bound value, `?`, cast to the type that it is compared as. */
  cast(type: DataType): string;
  /** Wall-clock time of an instant in a zone, as a timestamp without zone. */
  local(instant: string, zone: string): string;
  /** The instant at which the bucket of a clock unit below a day begins, in a zone. */
  clockBucket(instant: string, local: string, bucketStart: string): string;
  /** A day, or a wall-clock timestamp, as a timestamp without zone. */
  wallClock(day: string): string;
  /** A text column ordered by code point. */
  byCodePoint(sql: string): string;
}

const quoted = (zone: string) => `'${zone.replaceAll("'", "''")}'`;

export const POSTGRES: DialectSql = {
  name: 'postgres',
  cast: (type) => {
    switch (type.kind) {
      case 'string':
        return '?::text';
      case 'decimal':
        return '?::numeric';
      case 'double':
        return '?::double precision';
      case 'timestamp':
        return '?::timestamptz';
      case 'integer':
        return '?::bigint';
      default:
        return `?::${type.kind}`;
    }
  },
  local: (instant, zone) => `(${instant} AT TIME ZONE ${quoted(zone)})`,
  clockBucket: (instant, local, start) => `(${instant} - (${local} - ${start}))`,
  wallClock: (day) => `${day}::timestamp`,
  byCodePoint: (sql) => `${sql} COLLATE "C"`,
};

/**
 * DuckDB reads zones through ICU, at ten times the cost of plain arithmetic on microseconds: 1,311 ms against 97 ms for 5 M rows
 * by day. UTC goes without.
 */
export const DUCKDB: DialectSql = {
  name: 'duckdb',
  cast: (type) => {
    switch (type.kind) {
      case 'string':
        return '?::VARCHAR';
      case 'decimal':
        return `?::DECIMAL(${type.precision},${type.scale})`;
      case 'timestamp':
        return '?::TIMESTAMPTZ';
      case 'integer':
        return '?::BIGINT';
      default:
        return `?::${type.kind.toUpperCase()}`;
    }
  },
  local: (instant, zone) =>
    zone === 'UTC' ? `make_timestamp(epoch_us(${instant}))` : `timezone(${quoted(zone)}, ${instant})`,
  clockBucket: (instant, local, start) =>
    local === `make_timestamp(epoch_us(${instant}))`
      ? `make_timestamptz(epoch_us(${start}))`
      : `make_timestamptz(epoch_us(${instant}) - (epoch_us(${local}) - epoch_us(${start})))`,
  wallClock: (day) => `${day}::TIMESTAMP`,
  byCodePoint: (sql) => sql,
};
