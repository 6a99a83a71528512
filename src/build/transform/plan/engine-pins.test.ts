import { describe, expect, it } from 'vitest';
import { checkPins, pinOf, readPins } from './engine-pins.js';

describe('engines that are asked for by hand', () => {
  it('are met by name and by pattern, the last that fits', () => {
    const pins = readPins(['gold.*=spark', 'gold.dim_date=duckdb', 'silver.or*_lines = postgres']);
    expect(pinOf(pins, 'gold.fact_sales')).toEqual({ engine: 'spark', byName: false });
    expect(pinOf(pins, 'gold.dim_date')).toEqual({ engine: 'duckdb', byName: true });
    expect(pinOf(pins, 'silver.order_lines')).toEqual({ engine: 'postgres', byName: false });
    expect(pinOf(pins, 'silver.orders')).toBeUndefined();
    // A point is a point.
    expect(pinOf(readPins(['gold.*=spark']), 'goldx')).toBeUndefined();
    expect(pinOf(readPins(['gold.dim_date=duckdb', 'gold.*=spark']), 'gold.dim_date')?.engine).toBe('spark');
  });
  it.each(['gold.x', 'gold.x=flink', '=spark', 'a=spark=duckdb', ''])('refuses %j', (text) => {
    expect(() => readPins([text])).toThrow('--engine wants');
  });
  it('must fit some table', () => {
    expect(() => checkPins(readPins(['gold.x*=spark']), ['gold.y'])).toThrow('gold.x*: there is no such table');
    expect(() => checkPins(readPins(['gold.*=spark']), ['gold.y'])).not.toThrow();
  });
});
