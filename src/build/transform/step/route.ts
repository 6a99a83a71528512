import type { DialectName } from '../files/definition.js';
import { sizeText } from '../size-text.js';

/** What an engine may be given, in bytes, and what is there. */
export interface RouteLimits {
  /** Most that PostgreSQL computes beside its readers. */
  readonly postgresBytes: number;
  /** Most that DuckDB is ever given at once. */
  readonly duckdbBytes: number;
  /** DuckDB's memory limit. */
  readonly memoryBytes: number;
  /** How many times its memory DuckDB gets through by spilling to disk. */
  readonly spillFactor: number;
  readonly sparkReachable: boolean;
}

export const ROUTE_LIMITS: Omit<RouteLimits, 'memoryBytes'> = {
  postgresBytes: 2 * 2 ** 30,
  duckdbBytes: 64 * 2 ** 30,
  spillFactor: 8,
  sparkReachable: false,
};

export interface RouteQuestion {
  readonly allow: readonly DialectName[];
  readonly prefer: DialectName | 'auto';
  /** Bytes that the step reads, times 4 when it joins, sorts, groups or uses windows; at least what it took the last time. */
  readonly estimateBytes: number;
  readonly inputsInPostgres: boolean;
  readonly outputInPostgres: boolean;
  /** The engine that made the table the last time. */
  readonly last?: DialectName | undefined;
  /** Partitions of the order that can be made apart from each other; 1 when it cannot be cut. */
  readonly partitions: number;
  readonly limits: RouteLimits;
}

export interface Route {
  /** Undefined: no allowed engine can do it; `why` says so, and the plan fails. */
  readonly engine: DialectName | undefined;
  /** Statements that the order is cut into. */
  readonly batches: number;
  /** With its numbers, to be printed and kept. */
  readonly why: string;
}

const HYSTERESIS = 0.2;

/** A threshold leans to the engine of the last time, so that a table near it does not change its engine from day to day. */
const leaning = (limit: number, engine: DialectName, last: DialectName | undefined): number =>
  last === undefined ? limit : limit * (last === engine ? 1 + HYSTERESIS : 1 - HYSTERESIS);

/**
 * The engine for a step, by size and place of what it reads: a pin first, then PostgreSQL when everything is there and small, then
 * DuckDB, then Spark, then DuckDB in batches. Pure: the same question, the same answer.
 */
export const route = (question: RouteQuestion): Route => {
  const { allow, prefer, estimateBytes: estimate, limits, last } = question;
  const est = `est ${sizeText(estimate)}`;
  const duckdb = Math.min(limits.duckdbBytes, 0.5 * limits.memoryBytes * limits.spillFactor);
  const one = (engine: DialectName, why: string): Route => ({ engine, batches: 1, why: `${engine}: ${why}` });
  if (prefer !== 'auto') {
    if (prefer === 'spark' && !limits.sparkReachable)
      return { engine: undefined, batches: 0, why: 'spark is pinned, and no Spark server is configured' };
    return prefer === 'duckdb' ? inBatches(question, duckdb, 'pinned, ') : one(prefer, `pinned, ${est}`);
  }
  const postgres = leaning(limits.postgresBytes, 'postgres', last);
  const allThere = question.inputsInPostgres && question.outputInPostgres;
  if (allow.includes('postgres') && allThere && estimate <= postgres)
    return one('postgres', `inputs and output are there, ${est} <= ${sizeText(postgres)}${leant(last)}`);
  const most = limits.sparkReachable && allow.includes('spark') ? leaning(duckdb, 'duckdb', last) : duckdb;
  if (allow.includes('duckdb') && estimate <= most) return one('duckdb', `${est} <= ${sizeText(most)}`);
  if (allow.includes('spark') && limits.sparkReachable) return one('spark', `${est} > ${sizeText(most)} of duckdb`);
  if (allow.includes('duckdb')) return inBatches(question, duckdb, '');
  if (allow.includes('postgres') && question.inputsInPostgres)
    return one('postgres', `no other engine is allowed, ${est}`);
  return {
    engine: undefined,
    batches: 0,
    why: `${est}: of ${allow.join(', ')} none can do it (${allow.includes('postgres') ? 'inputs are not all in PostgreSQL' : 'no Spark server is configured'})`,
  };
};

const leant = (last: DialectName | undefined): string =>
  last === undefined ? '' : ` (limit moved by 20 % ${last === 'postgres' ? 'up' : 'down'}: ${last} the last time)`;

/** DuckDB at once, or in as many statements as bring each below its limit; one partition is the least that a statement makes. */
const inBatches = ({ estimateBytes, partitions }: RouteQuestion, limit: number, pin: string): Route => {
  const batches = Math.max(1, Math.ceil(estimateBytes / limit));
  const numbers = `${pin}est ${sizeText(estimateBytes)}`;
  if (batches === 1) return { engine: 'duckdb', batches, why: `duckdb: ${numbers} <= ${sizeText(limit)}` };
  if (batches <= partitions)
    return { engine: 'duckdb', batches, why: `duckdb: ${numbers} > ${sizeText(limit)}, so in ${batches} batches` };
  return {
    engine: undefined,
    batches: 0,
    why: `${numbers} > ${sizeText(limit)} of duckdb, and ${partitions} partition${partitions === 1 ? '' : 's'} cannot be cut into ${batches} batches`,
  };
};

/**
 * What to do after an engine ran out of memory, once: Spark when it is there, else DuckDB with twice as many batches. Undefined:
 * nothing is left to try.
 */
export const fallBack = (question: RouteQuestion, failed: Route): Route | undefined => {
  const { allow, limits, partitions } = question;
  if (failed.engine !== 'spark' && allow.includes('spark') && limits.sparkReachable)
    return { engine: 'spark', batches: 1, why: `spark: ${failed.engine} ran out of memory` };
  const batches = Math.min(partitions, 2 * Math.max(1, failed.batches));
  if (!allow.includes('duckdb') || (failed.engine === 'duckdb' && batches <= failed.batches)) return undefined;
  return { engine: 'duckdb', batches, why: `duckdb: ${failed.engine} ran out of memory, so in ${batches} batches` };
};
