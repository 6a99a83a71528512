import type { Emit } from '../../../query/index.js';
import type { DuckDb, Warehouse } from '../../../store/engine/index.js';
import type { LineageTarget } from '../lineage/telling.js';
import type { EnginePins } from '../plan/engine-pins.js';
import type { RouteLimits } from '../step/route.js';
import type { Spark } from '../step/spark-sessions.js';

/** What every command on tables works with. */
export interface Parts {
  /** Folder with `sql/{silver,gold}`, `seeds/` and `tests/`. */
  readonly transformsDir: string;
  /** Absolute folder of the lake: tables are `<lake>/<layer>/<table>/v<N>/<fingerprint>`. */
  readonly lake: string;
  readonly duckdb: DuckDb;
  /** Its state store must be migrated. */
  readonly warehouse: Warehouse;
  /** Key of the customer pseudonyms, at least 32 bytes. It is in no statement, log or fingerprint; its id is. */
  readonly pseudonymKey: string;
  readonly emit: Emit;
  readonly signal?: AbortSignal;
  /** Receivers of OpenLineage hear of every run here. */
  readonly lineage?: LineageTarget | undefined;
  /** Microseconds since 1970 UTC: `{{run.ts}}`, the time of checks, and today. Default the clock. */
  readonly now?: () => bigint;
  /** Statements that may run beside each other. Default 1. */
  readonly parallel?: number;
  /** DuckDB's memory limit in bytes, for the choice of engine and the size of batches. Default 1 GiB. */
  readonly memoryBytes?: number;
  /** What engines may be given; what is not set is as `ROUTE_LIMITS` has it. */
  readonly limits?: Partial<Pick<RouteLimits, 'postgresBytes' | 'duckdbBytes' | 'spillFactor'>>;
  /** Undefined: no Spark server is configured. Whoever opened it closes it. */
  readonly spark?: Spark | undefined;
  /** Engines that were asked for by hand. */
  readonly pins?: EnginePins;
}

const DEFAULT_MEMORY = 2 ** 30;

export const memoryOf = (parts: Pick<Parts, 'memoryBytes'>): number => parts.memoryBytes ?? DEFAULT_MEMORY;

export const timeOf = (parts: Pick<Parts, 'now'>): bigint => parts.now?.() ?? BigInt(Date.now()) * 1000n;

/** The UTC date of an instant, `2026-11-23`. */
export const dateOf = (micros: bigint): string => new Date(Number(micros / 1000n)).toISOString().slice(0, 10);

/** The engines that were asked for by hand, as they are typed after a command: ` --engine 'gold.*=spark'`. */
export const enginesOf = ({ pins }: Pick<Parts, 'pins'>): string =>
  pins === undefined || pins.size === 0
    ? ''
    : ` --engine ${[...pins].map(([pattern, engine]) => (pattern.includes('*') ? `'${pattern}=${engine}'` : `${pattern}=${engine}`)).join(' ')}`;
