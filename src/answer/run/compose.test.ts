import { describe, expect, it } from 'vitest';
import type { AssayError } from '../../errors/index.js';
import type { Column, ColumnBatch, Value } from '../../query/index.js';
import type { Composition } from '../plan/index.js';
import { compose } from './compose.js';
import { rowTest } from './condition.js';

const legColumns: Column[] = [
  { name: 'k', type: { kind: 'string' }, role: 'dimension' },
  { name: 'n', type: { kind: 'bigint' }, role: 'measure' },
  { name: 'd', type: { kind: 'bigint' }, role: 'measure' },
];
const ratioType = { kind: 'decimal', precision: 18, scale: 6 } as const;
const columns: Column[] = [
  { name: 'k', type: { kind: 'string' }, role: 'dimension' },
  { name: 'r', type: ratioType, role: 'measure' },
];
const base: Composition = {
  values: [
    { kind: 'column', column: 0 },
    { kind: 'ratio', numerator: { kind: 'column', column: 1 }, denominator: { kind: 'column', column: 2 }, scale: 6 },
    { kind: 'column', column: 1 },
  ],
  types: [{ kind: 'string' }, ratioType, { kind: 'bigint' }],
  having: undefined,
  order: [],
  limit: undefined,
  offset: 0,
};
const rows: [string | null, bigint, bigint][] = [
  ['a', 1n, 2n],
  ['b', 3n, 1n],
  ['c', 1n, 0n],
  [null, 3n, 1n],
  ['e', -1n, 3n],
];
let returned = 0;
const batches = async function* (): AsyncGenerator<ColumnBatch> {
  try {
    for (let at = 0; at < rows.length; at += 2) {
      const part = rows.slice(at, at + 2);
      yield { length: part.length, columns: [0, 1, 2].map((c) => part.map((row): Value => row[c] ?? null)) };
    }
  } finally {
    returned += 1;
  }
};
const run = async (change: Partial<Composition>, memory = 1 << 20) => {
  const out: Value[][] = [];
  for await (const batch of compose(batches(), legColumns, { ...base, ...change }, columns, memory))
    for (let i = 0; i < batch.length; i++) out.push(batch.columns.map((c) => c[i] ?? null));
  return out;
};

describe('composition', () => {
  it('divides, and gives no hidden column away', async () => {
    expect(await run({})).toEqual([
      ['a', 500_000n],
      ['b', 3_000_000n],
      ['c', null],
      [null, 3_000_000n],
      ['e', -333_333n],
    ]);
  });
  it('orders by a ratio, nulls where asked, ties by the group', async () => {
    const order: Composition['order'] = [
      { value: 1, dir: 'desc', nulls: 'first' },
      { value: 0, dir: 'asc', nulls: 'last' },
    ];
    expect((await run({ order })).map(([k]) => k)).toEqual(['c', 'b', null, 'a', 'e']);
    expect((await run({ order, offset: 1, limit: 2 })).map(([k]) => k)).toEqual(['b', null]);
  });
  it('keeps rows by a ratio; unknown is not true', async () => {
    const having = { value: 1, op: 'gte', values: ['0.5'] } as const;
    expect((await run({ having })).map(([k]) => k)).toEqual(['a', 'b', null]);
    expect((await run({ having: { not: having } })).map(([k]) => k)).toEqual(['e']);
  });
  it('ends the source when a page is full', async () => {
    returned = 0;
    expect(await run({ limit: 1 })).toHaveLength(1);
    expect(await run({ limit: 0 })).toHaveLength(0);
    expect(returned).toBe(1);
  });
  it('does not sort more than its memory', async () => {
    const failed = await run({ order: [{ value: 1, dir: 'asc', nulls: 'last' }] }, 100).catch(
      (e: AssayError) => e.code,
    );
    expect(failed).toBe('budget-exceeded');
  });
  it('passes rows on untouched where nothing is to be done', () => {
    const source = batches();
    const plain: Composition = { ...base, values: [0, 1, 2].map((column) => ({ kind: 'column', column })) };
    expect(compose(source, legColumns, plain, legColumns, 1)).toBe(source);
  });
});

describe('a condition above legs', () => {
  const ask = (op: string, type: Column['type'], value: Value, ...values: (string | boolean)[]) =>
    rowTest({ value: 0, op, values }, [type])(() => value);
  it.each([
    ['eq', ratioType, 500_000n, ['0.5'], true],
    ['eq', ratioType, 500_000n, ['0.5000001'], false],
    ['gt', ratioType, 500_000n, ['0.4999999'], true],
    ['in', { kind: 'bigint' }, 3n, ['1', '3'], true],
    ['notIn', { kind: 'bigint' }, 3n, ['1', '3'], false],
    ['between', { kind: 'integer' }, 3, ['1', '3'], false],
    ['eq', { kind: 'bigint' }, null, ['1'], null],
    ['isNull', { kind: 'bigint' }, null, [], true],
    ['like', { kind: 'string' }, 'a_b', ['a\\_%'], true],
    ['like', { kind: 'string' }, 'axb', ['a\\_%'], false],
    ['like', { kind: 'string' }, 'a.b', ['a_b'], true],
    ['icontains', { kind: 'string' }, 'GÄNS', ['än'], true],
    ['lt', { kind: 'date' }, '2010-12-01', ['2010-12-02'], true],
    ['gte', { kind: 'timestamp' }, 1_291_161_600_000_000n, ['2010-12-01T00:00:00Z'], true],
    ['lt', { kind: 'string' }, '\uff21', ['😀'], true],
    ['eq', { kind: 'boolean' }, false, [false], true],
  ] as [string, Column['type'], Value, (string | boolean)[], boolean | null][])(
    '%s on %o: %s against %s is %s',
    (op, type, value, values, truth) => {
      expect(ask(op, type, value, ...values)).toBe(truth);
    },
  );
  it('knows three truths', () => {
    const types: Column['type'][] = [{ kind: 'bigint' }, { kind: 'bigint' }];
    const [yes, no, unknown] = ['1', '2', '3'].map((v, i) => ({ value: i === 2 ? 1 : 0, op: 'eq', values: [v] }));
    const at = (i: number): Value => (i === 0 ? 1n : null);
    const truth = (f: Parameters<typeof rowTest>[0]) => rowTest(f, types)(at);
    const t = { yes, no, unknown } as Record<string, { value: number; op: string; values: string[] }>;
    const of = (name: string) => t[name] as { value: number; op: string; values: string[] };
    expect(truth({ and: [of('yes'), of('unknown')] })).toBeNull();
    expect(truth({ and: [of('no'), of('unknown')] })).toBe(false);
    expect(truth({ or: [of('yes'), of('unknown')] })).toBe(true);
    expect(truth({ or: [of('no'), of('unknown')] })).toBeNull();
    expect(truth({ not: of('unknown') })).toBeNull();
  });
});

describe('values of two periods', () => {
  const decimal = (precision: number, scale: number) => ({ kind: 'decimal', precision, scale }) as const;
  const legColumns: Column[] = [
    { name: 'n', type: decimal(18, 2), role: 'measure' },
    { name: 'd', type: { kind: 'bigint' }, role: 'measure' },
    { name: 'n before', type: decimal(18, 2), role: 'measure' },
    { name: 'd before', type: { kind: 'bigint' }, role: 'measure' },
  ];
  const now = {
    kind: 'ratio',
    numerator: { kind: 'column', column: 0 },
    denominator: { kind: 'column', column: 1 },
    scale: 6,
  } as const;
  const then = {
    kind: 'ratio',
    numerator: { kind: 'column', column: 2 },
    denominator: { kind: 'column', column: 3 },
    scale: 6,
  } as const;
  const answer = async (row: readonly (bigint | null)[]) => {
    const columns: Column[] = ['apart', 'times'].map((name) => ({ name, type: decimal(18, 6), role: 'measure' }));
    const composition = {
      values: [
        { kind: 'difference', a: now, b: then, scale: 6 },
        { kind: 'quotient', a: now, b: then, scale: 6 },
      ] as const,
      types: columns.map((c) => c.type),
      having: undefined,
      order: [],
      limit: undefined,
      offset: 0,
    };
    const batches = (async function* () {
      yield { length: 1, columns: row.map((v) => [v]) };
    })();
    for await (const batch of compose(batches, legColumns, composition, columns, 1 << 20))
      return batch.columns.map(([v]) => v);
    return [];
  };
  it('are rounded once, from exact parts', async () => {
    // 10.00/3 - 20.00/7 = 0.476190..., 3.333.../2.857142... = 1.1666...
    expect(await answer([1000n, 3n, 2000n, 7n])).toEqual([476190n, 1166667n]);
  });
  it('are null where either is, and where the earlier one is zero', async () => {
    expect(await answer([1000n, 3n, null, 7n])).toEqual([null, null]);
    expect(await answer([1000n, 0n, 2000n, 7n])).toEqual([null, null]);
    expect(await answer([1000n, 3n, 0n, 7n])).toEqual([3333333n, null]);
  });
});
