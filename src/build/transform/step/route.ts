import type { DialectName } from '../files/definition.js';
import { sizeText } from '../size-text.js';
import type { SparkReach } from './spark-sessions.js';

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
  readonly spark: SparkReach;
}

export const ROUTE_LIMITS: Omit<RouteLimits, 'memoryBytes'> = {
  postgresBytes: 2 * 2 ** 30,
  duckdbBytes: 64 * 2 ** 30,
  spillFactor: 8,
  spark: { reachable: false, why: 'no Spark server is configured' },
};

export interface RouteQuestion {
  readonly allow: readonly DialectName[];
  readonly prefer: DialectName | 'auto';
  /** The engine that was asked for by hand; it goes before `prefer`. By a pattern it is heeded where it can be. */
  readonly pin?: { readonly engine: DialectName; readonly byName: boolean } | undefined;
  /** Bytes that one statement reads, times 4 when it joins, sorts, groups or uses windows; at least what its rows took the last time. */
  readonly estimateBytes: number;
  /** Of these, what every statement reads however few partitions it makes. */
  readonly wholeBytes?: number;
  readonly inputsInPostgres: boolean;
  readonly outputInPostgres: boolean;
  /** Why Spark cannot read or make this one. */
  readonly sparkOut?: string | undefined;
  /** The engine that made the table the last time. */
  readonly last?: DialectName | undefined;
  /** Partitions of the statement that can be made apart from each other; 1 when it cannot be cut. */
  readonly partitions: number;
  readonly limits: RouteLimits;
}

export interface Route {
  /** Undefined: no allowed engine can do it; `why` says so, and the plan fails. */
  readonly engine: DialectName | undefined;
  /** Statements that the partitions of the question are cut into. */
  readonly batches: number;
  /** With its numbers, to be printed and kept. */
  readonly why: string;
}

const HYSTERESIS = 0.2;

/** A threshold leans to the engine of the last time, so that a table near it does not change its engine from day to day. */
const leaning = (limit: number, engine: DialectName, last: DialectName | undefined): number =>
  last === undefined ? limit : limit * (last === engine ? 1 + HYSTERESIS : 1 - HYSTERESIS);

const none = (why: string): Route => ({ engine: undefined, batches: 0, why });
const one = (engine: DialectName, why: string): Route => ({ engine, batches: 1, why: `${engine}: ${why}` });

/** Most that DuckDB is given in one statement. */
const duckdbLimit = (limits: RouteLimits): number =>
  Math.min(limits.duckdbBytes, 0.5 * limits.memoryBytes * limits.spillFactor);

/** Why an engine cannot make it at all; undefined when it can. */
const hindrance = (question: RouteQuestion, engine: DialectName): string | undefined => {
  const { allow, limits } = question;
  if (!allow.includes(engine)) return `its file allows ${allow.join(', ')}`;
  if (engine === 'postgres') return question.inputsInPostgres ? undefined : 'its inputs are not all in PostgreSQL';
  if (engine === 'duckdb') return undefined;
  return question.sparkOut ?? (limits.spark.reachable ? undefined : limits.spark.why);
};

/**
 * The engine for a statement, by size and place of what it reads: a pin first, then PostgreSQL when everything is there and small, then
 * DuckDB, then Spark, then DuckDB in batches. Pure: the same question, the same answer.
 */
export const route = (question: RouteQuestion): Route => {
  const { pin } = question;
  if (pin === undefined) return unpinned(question);
  const against = hindrance(question, pin.engine);
  if (against === undefined) return pinned(question, pin.engine, 'asked for by hand');
  // A Spark that is away is no property of the table: whoever asked for it is told, and nothing is made elsewhere instead.
  if (pin.byName || (pin.engine === 'spark' && !question.limits.spark.reachable && question.sparkOut === undefined))
    return none(`${pin.engine} is asked for by hand, and ${against}`);
  const found = unpinned(question);
  return { ...found, why: `${found.why}; not ${pin.engine}, which is asked for by hand: ${against}` };
};

const pinned = (question: RouteQuestion, engine: DialectName, how: string): Route =>
  engine === 'duckdb'
    ? inBatches(question, duckdbLimit(question.limits), `${how}, `)
    : one(engine, `${how}, est ${sizeText(question.estimateBytes)}`);

const unpinned = (question: RouteQuestion): Route => {
  const { allow, prefer, estimateBytes: estimate, limits, last } = question;
  const est = `est ${sizeText(estimate)}`;
  const noSpark = hindrance(question, 'spark');
  if (prefer !== 'auto')
    return prefer === 'spark' && noSpark !== undefined
      ? none(`spark is pinned, and ${noSpark}`)
      : pinned(question, prefer, 'pinned');
  const duckdb = duckdbLimit(limits);
  const postgres = leaning(limits.postgresBytes, 'postgres', last);
  const allThere = question.inputsInPostgres && question.outputInPostgres;
  if (allow.includes('postgres') && allThere && estimate <= postgres)
    return one('postgres', `inputs and output are there, ${est} <= ${sizeText(postgres)}${leant(last, 'postgres')}`);
  const most = noSpark === undefined ? leaning(duckdb, 'duckdb', last) : duckdb;
  const moved = noSpark === undefined ? leant(last, 'duckdb') : '';
  if (allow.includes('duckdb') && estimate <= most) return one('duckdb', `${est} <= ${sizeText(most)}${moved}`);
  if (noSpark === undefined) return one('spark', `${est} > ${sizeText(most)} of duckdb${moved}`);
  if (allow.includes('duckdb'))
    return inBatches(question, duckdb, '', allow.includes('spark') ? `; not spark: ${noSpark}` : '');
  if (allow.includes('postgres') && question.inputsInPostgres)
    return one('postgres', `no other engine is allowed, ${est}`);
  const against = allow.map((engine) => hindrance(question, engine) ?? '').filter((text) => text !== '');
  return none(`${est}: of ${allow.join(', ')} none can do it (${against.join('; ')})`);
};

const leant = (last: DialectName | undefined, engine: DialectName): string =>
  last === undefined ? '' : ` (limit moved by 20 % ${last === engine ? 'up' : 'down'}: ${last} the last time)`;

/** DuckDB at once, or in as many statements as bring each below its limit; one partition is the least that a statement makes. */
const inBatches = (question: RouteQuestion, limit: number, how: string, besides = ''): Route => {
  const { estimateBytes, partitions, wholeBytes = 0 } = question;
  const numbers = `${how}est ${sizeText(estimateBytes)}`;
  if (estimateBytes <= limit) return one('duckdb', `${numbers} <= ${sizeText(limit)}`);
  const above = `${numbers} > ${sizeText(limit)}`;
  const left = limit - wholeBytes;
  if (left <= 0)
    return none(`${above} of duckdb, and ${sizeText(wholeBytes)} of it would be read by every batch${besides}`);
  const batches = Math.ceil((estimateBytes - wholeBytes) / left);
  return batches <= partitions
    ? { engine: 'duckdb', batches, why: `duckdb: ${above}, so in ${batches} batches${besides}` }
    : none(
        `${above} of duckdb, and ${partitions} partition${partitions === 1 ? '' : 's'} cannot be cut into ${batches} batches${besides}`,
      );
};

/**
 * What to do after an engine ran out of memory, once: Spark when it is there, else DuckDB with twice as many batches. Undefined:
 * nothing is left to try.
 */
export const fallBack = (question: RouteQuestion, failed: Route): Route | undefined => {
  const { allow, partitions, pin } = question;
  const outOfMemory = `${failed.engine} ran out of memory`;
  const held = pin?.engine ?? (question.prefer === 'auto' ? undefined : question.prefer);
  if (failed.engine !== 'spark' && held === undefined && hindrance(question, 'spark') === undefined)
    return one('spark', `${outOfMemory} (${failed.why})`);
  const batches = Math.min(partitions, 2 * Math.max(1, failed.batches));
  if (!allow.includes('duckdb') || (failed.engine === 'duckdb' && batches <= failed.batches)) return undefined;
  if (held !== undefined && held !== 'duckdb') return undefined;
  return {
    engine: 'duckdb',
    batches,
    why: `duckdb: ${outOfMemory} (${failed.why}), so in ${batches} batch${batches === 1 ? '' : 'es'}`,
  };
};
