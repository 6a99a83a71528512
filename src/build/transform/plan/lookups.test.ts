import { describe, expect, it } from 'vitest';
import type { Transform } from '../files/definition.js';
import type { ColumnEdge, Lineage } from '../meaning/meaning.js';
import { lookedUp } from './lookups.js';

const edge = (column: string, type: ColumnEdge['type'] = 'DIRECT', table = 'gold.dim'): ColumnEdge => ({
  ...{ table, column, type },
  subtype: type === 'DIRECT' ? 'IDENTITY' : 'JOIN',
});
const lineage = (
  columns: Readonly<Record<string, readonly ColumnEdge[]>>,
  rows: readonly ColumnEdge[] = [],
  opaque: readonly string[] = [],
): Lineage => ({ columns: new Map(Object.entries(columns)), rows, opaque: new Set(opaque) });
const dimension = {
  surrogate: 'customer_key',
  scd2: { validFrom: 'effective_date', validTo: 'expiry_date' },
} as unknown as Transform;
const input = {
  role: 'lookup',
  name: 'gold.dim',
  lookup: { dimension: 'gold.dim', key: 'customer_id', asOf: 'sold_at', into: 'customer_key', input: undefined },
} as const;
const asOf = ['customer_id', 'effective_date', 'expiry_date'].map((column) => edge(column, 'INDIRECT'));

describe('what a fact takes by a look-up', () => {
  it('is the key, always', () => {
    expect(lookedUp(lineage({ customer_key: [edge('customer_key')] }, asOf), input, dimension)).toEqual([
      'customer_key',
    ]);
    expect(lookedUp(lineage({ amount: [edge('amount', 'DIRECT', 'silver.lines')] }, asOf), input, dimension)).toEqual([
      'customer_key',
    ]);
  });
  it('is every attribute that comes into a column, by value or by condition', () => {
    const read = { segment: [edge('segment')], is_gold: [edge('tier', 'INDIRECT'), edge('id', 'DIRECT', 'other')] };
    expect(lookedUp(lineage(read, asOf), input, dimension)).toEqual(['customer_key', 'segment', 'tier']);
  });
  it('cannot be told where the join asks more than key and time, or nobody knows what is read', () => {
    expect(lookedUp(lineage({}, [...asOf, edge('is_current', 'INDIRECT')]), input, dimension)).toBeUndefined();
    expect(lookedUp(lineage({}, asOf, ['gold.dim']), input, dimension)).toBeUndefined();
  });
});
