import type { ParquetEngine } from '../../../store/delta/index.js';
import type { Check, Transform } from '../files/definition.js';
import { quoted } from '../sql-text.js';
import { checksOf } from './audit-step.js';
import { keyOfValue, keyTime, nextKey, partitionType } from './partition-keys.js';

const HOUR = 3_600_000_000n;

/** How old the newest row of a table may be, and how old it is. Times are microseconds since 1970 UTC. */
export interface Freshness {
  readonly check: Check;
  readonly column: string;
  readonly hours: number;
  /** Of a date or a partition its end: what it holds is no older than that. */
  readonly newest: bigint;
  readonly stale: boolean;
}

const newestOf = async (
  engine: ParquetEngine,
  transform: Transform,
  column: string,
  relation: string,
): Promise<bigint | undefined> => {
  const { partition, columns } = transform;
  const type = columns.find(({ name }) => name === column)?.type;
  const text = type?.kind === 'timestamp' ? `epoch_us(max(${quoted(column)}))` : `max(${quoted(column)})`;
  const [row] = await engine.query(`SELECT (${text})::VARCHAR AS newest FROM ${relation}`);
  const newest = row?.['newest'];
  if (newest === null || newest === undefined || type === undefined) return undefined;
  if (type.kind === 'timestamp') return BigInt(String(newest));
  const unit = column === partition?.column ? partition.unit : 'day';
  const own = column === partition?.column && partition ? partitionType(partition, columns) : type;
  const key = keyOfValue(String(newest), own, unit);
  const end = key === undefined ? undefined : keyTime(nextKey(key, unit), unit);
  return end === undefined ? undefined : BigInt(end) * 1000n;
};

/** The age of a table's newest row against one check; undefined: it holds none. */
export const freshnessOf = async (
  engine: ParquetEngine,
  transform: Transform,
  check: Check,
  relation: string,
  at: bigint,
): Promise<Freshness | undefined> => {
  const [column] = check.columns;
  if (check.question.type !== 'freshness' || column === undefined) return undefined;
  const { hours } = check.question;
  const newest = await newestOf(engine, transform, column, relation);
  return newest === undefined ? undefined : { check, column, hours, newest, stale: at - newest > BigInt(hours) * HOUR };
};

/** Checks of a table that ask how old its newest row is. */
export const freshnessChecks = (transform: Transform): readonly Check[] =>
  checksOf(transform).filter(({ question }) => question.type === 'freshness');
