import { describe, expect, it } from 'vitest';
import { fallBack, ROUTE_LIMITS, type RouteQuestion, route } from './route.js';

const GB = 2 ** 30;
const THERE = { reachable: true } as const;
const ask = (over: Partial<RouteQuestion>, limits: Partial<RouteQuestion['limits']> = {}): RouteQuestion => ({
  ...{ allow: ['duckdb', 'postgres', 'spark'], prefer: 'auto', estimateBytes: GB, partitions: 1 },
  ...{ inputsInPostgres: true, outputInPostgres: true },
  ...over,
  limits: { ...ROUTE_LIMITS, memoryBytes: 2 * GB, ...limits },
});
const answer = (over: Partial<RouteQuestion>, limits: Partial<RouteQuestion['limits']> = {}) => {
  const { engine, batches } = route(ask(over, limits));
  return [engine, batches];
};

describe('the engine of a step', () => {
  it('is the pinned one, whatever the size', () => {
    expect(answer({ prefer: 'postgres', estimateBytes: 900 * GB })).toEqual(['postgres', 1]);
    expect(answer({ prefer: 'duckdb' })).toEqual(['duckdb', 1]);
    expect(answer({ prefer: 'spark' })).toEqual([undefined, 0]);
    expect(answer({ prefer: 'spark' }, { spark: THERE })).toEqual(['spark', 1]);
  });
  it('is PostgreSQL when all is there and small', () => {
    expect(answer({})).toEqual(['postgres', 1]);
    expect(answer({ inputsInPostgres: false })).toEqual(['duckdb', 1]);
    expect(answer({ outputInPostgres: false })).toEqual(['duckdb', 1]);
    expect(answer({ allow: ['duckdb'] })).toEqual(['duckdb', 1]);
    expect(answer({ estimateBytes: 3 * GB })).toEqual(['duckdb', 1]);
  });
  it('does not change for a size near the limit', () => {
    const near = (estimate: number, last: 'postgres' | 'duckdb') => answer({ estimateBytes: estimate * GB, last })[0];
    expect([near(2.3, 'postgres'), near(2.5, 'postgres')]).toEqual(['postgres', 'duckdb']);
    expect([near(1.7, 'duckdb'), near(1.5, 'duckdb')]).toEqual(['duckdb', 'postgres']);
  });
  it('is Spark when DuckDB would have too much and Spark is there', () => {
    // Half of 2 GB, times 8 by spilling: 8 GB.
    expect(answer({ estimateBytes: 9 * GB }, { spark: THERE })).toEqual(['spark', 1]);
    expect(answer({ estimateBytes: 9 * GB, last: 'duckdb' }, { spark: THERE })).toEqual(['duckdb', 1]);
    expect(answer({ estimateBytes: 7 * GB, last: 'spark' }, { spark: THERE })).toEqual(['spark', 1]);
  });
  it('is DuckDB in batches when partitions allow it, and nobody else', () => {
    expect(answer({ estimateBytes: 30 * GB, partitions: 40 })).toEqual(['duckdb', 4]);
    expect(answer({ estimateBytes: 30 * GB, partitions: 3 })).toEqual([undefined, 0]);
    expect(route(ask({ estimateBytes: 30 * GB, partitions: 3 })).why).toBe(
      'est 30 GB > 8.0 GB of duckdb, and 3 partitions cannot be cut into 4 batches; not spark: no Spark server is configured',
    );
    expect(answer({ allow: ['spark'] })).toEqual([undefined, 0]);
  });
  it('cuts only what batches do not all read', () => {
    expect(answer({ estimateBytes: 30 * GB, wholeBytes: 6 * GB, partitions: 40 })).toEqual(['duckdb', 12]);
    expect(route(ask({ estimateBytes: 30 * GB, wholeBytes: 9 * GB, partitions: 40, allow: ['duckdb'] })).why).toBe(
      'est 30 GB > 8.0 GB of duckdb, and 9.0 GB of it would be read by every batch',
    );
  });
  it('is the one that was asked for by hand, before the one that the file prefers', () => {
    const byHand = { engine: 'spark', byName: true } as const;
    expect(answer({ pin: byHand, prefer: 'duckdb' }, { spark: THERE })).toEqual(['spark', 1]);
    expect(answer({ pin: { engine: 'duckdb', byName: false }, estimateBytes: 30 * GB, partitions: 40 })).toEqual([
      'duckdb',
      4,
    ]);
    expect(route(ask({ pin: byHand })).why).toBe('spark is asked for by hand, and no Spark server is configured');
    expect(route(ask({ pin: byHand, allow: ['duckdb'] }, { spark: THERE })).why).toBe(
      'spark is asked for by hand, and its file allows duckdb',
    );
  });
  it('stays where it can be made when a pattern asks for what cannot be', () => {
    const byPattern = { engine: 'spark', byName: false } as const;
    expect(route(ask({ pin: byPattern, allow: ['duckdb'] }, { spark: THERE }))).toEqual({
      ...{ engine: 'duckdb', batches: 1 },
      why: 'duckdb: est 1.0 GB <= 8.0 GB; not spark, which is asked for by hand: its file allows duckdb',
    });
    expect(answer({ pin: byPattern, sparkOut: 'bronze.x: rows of its files are deleted' }, { spark: THERE })).toEqual([
      'postgres',
      1,
    ]);
    // A server that is away is no reason to do otherwise than asked.
    expect(answer({ pin: byPattern })).toEqual([undefined, 0]);
    expect(answer({ pin: { engine: 'postgres', byName: false }, inputsInPostgres: false })).toEqual(['duckdb', 1]);
  });
  it('is never Spark for what Spark cannot read', () => {
    const sparkOut = 'bronze.x: rows of its files are deleted';
    expect(answer({ estimateBytes: 9 * GB, partitions: 2, sparkOut }, { spark: THERE })).toEqual(['duckdb', 2]);
    expect(route(ask({ allow: ['spark'], sparkOut }, { spark: THERE })).why).toContain(sparkOut);
    const failed = { engine: 'duckdb', batches: 1, why: '' } as const;
    expect(fallBack(ask({ partitions: 1, sparkOut }, { spark: THERE }), failed)).toBeUndefined();
  });
  it('says its numbers', () => {
    expect(route(ask({ last: 'postgres' })).why).toBe(
      'postgres: inputs and output are there, est 1.0 GB <= 2.4 GB (limit moved by 20 % up: postgres the last time)',
    );
    expect(route(ask({ inputsInPostgres: false })).why).toBe('duckdb: est 1.0 GB <= 8.0 GB');
  });
  it('falls back once when memory runs out', () => {
    const failed = { engine: 'duckdb', batches: 2, why: '' } as const;
    expect(fallBack(ask({ partitions: 9 }), failed)).toMatchObject({ engine: 'duckdb', batches: 4 });
    expect(fallBack(ask({ partitions: 9 }, { spark: THERE }), failed)).toMatchObject({ engine: 'spark' });
    expect(fallBack(ask({ partitions: 2 }), failed)).toBeUndefined();
    expect(fallBack(ask({ allow: ['postgres'] }), { ...failed, engine: 'postgres' })).toBeUndefined();
  });
});
