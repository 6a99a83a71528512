import type { RefreshKey } from '../catalog/index.js';
import type { CubeRollup, SqlFunction } from './parts.js';

const SECONDS: Readonly<Record<string, number>> = { second: 1, minute: 60, hour: 3_600, day: 86_400, week: 604_800 };
/** How often a key without `every` is looked at. */
const MINUTE = 60;

const secondsOf = (every: unknown): number | undefined => {
  const [, count, unit] = /^(\d{1,6})\s+(second|minute|hour|day|week)s?$/.exec(String(every).trim()) ?? [];
  const seconds = Number(count) * (SECONDS[unit ?? ''] ?? 0);
  return seconds > 0 ? seconds : undefined;
};

/**
 * A rollup's `refresh_key`, which counts for tables that no transform builds: those have data versions. Gives what is wrong with it
 * as a text.
 */
export const readRefresh = (
  rollup: CubeRollup,
  plainSql: (sql: SqlFunction | undefined) => string | undefined,
): RefreshKey | undefined | string => {
  const key = rollup.preAggregation.refreshKey;
  if (key === undefined) return undefined;
  const { every, sql } = key;
  const seconds = every === undefined ? MINUTE : secondsOf(every);
  if (seconds === undefined)
    return `refresh_key.every ${JSON.stringify(every)} is not understood; write it as 30 seconds, 10 minutes, 1 hour, 1 day or 1 week`;
  if (sql === undefined) return every === undefined ? undefined : { seconds, sql: undefined };
  const text = plainSql(sql);
  return text === undefined || text === ''
    ? 'refresh_key.sql refers to members; write plain SQL, such as SELECT max(changed_at) FROM shop.orders'
    : { seconds, sql: text };
};
