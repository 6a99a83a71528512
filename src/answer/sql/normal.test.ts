import { loadModule } from 'libpg-query';
import { beforeAll, describe, expect, it } from 'vitest';
import { questionOf } from './block.js';
import type { Facade, FacadeColumn } from './facade.js';
import type { Functions } from './functions.js';
import { normalForm, planStatement } from './normal.js';
import { instantText, type SlotValue } from './slots.js';

const column = (name: string, more: Partial<FacadeColumn> = {}): FacadeColumn => ({
  name,
  member: `retail.${name}`,
  kind: 'dimension',
  type: { kind: 'string' },
  comment: '',
  additivity: 'none',
  counts: false,
  cube: 'sales',
  granularities: [],
  ...more,
});
const lines = column('lines', { kind: 'measure', type: { kind: 'bigint' }, additivity: 'sum', counts: true });
const columns = [
  column('country'),
  column('tag', { cube: 'tags' }),
  column('sold_at', { type: { kind: 'timestamp' }, granularities: ['day', 'month'] }),
  column('quantity', { type: { kind: 'integer' } }),
  column('net', { kind: 'measure', type: { kind: 'decimal', precision: 18, scale: 2 }, additivity: 'sum' }),
  column('orders', { kind: 'measure', type: { kind: 'bigint' }, additivity: 'count_distinct', counts: true }),
  lines,
];
const facade: Facade = {
  key: 'k',
  tables: new Map([
    [
      'retail',
      { name: 'retail', comment: '', columns, rowCount: lines, toOne: new Map([['sales', new Set(['sales'])]]) },
    ],
  ]),
};
const functions: Functions = {
  aggregates: new Set(['sum', 'count', 'measure', 'max', 'array_agg']),
  windows: new Set(['rank']),
  volatile: new Set(['random']),
  sets: new Set(['unnest']),
};
/** The plan of a query as PostgreSQL prints it in normal form. */
const plan = (normal: string) => planStatement(normalForm(`BEGIN ATOMIC\n ${normal};\nEND`), facade, functions);
const refusal = (normal: string) => {
  try {
    plan(normal);
    return undefined;
  } catch (thrown) {
    return (thrown as { sqlstate: string }).sqlstate;
  }
};
const question = (normal: string) => {
  const block = plan(normal)?.blocks[0];
  if (!block) throw new Error('no block');
  const values = block.slots.map((s): SlotValue => s.literal ?? { type: 'text', value: null });
  return questionOf(block, values, { timezone: 'UTC' });
};
beforeAll(() => loadModule());

describe('a query in normal form becomes blocks and the SQL above them', () => {
  it('asks for dimensions, buckets, measures and conditions', () => {
    expect(
      question(`SELECT retail.country, date_trunc('month'::text, retail.sold_at) AS m, public.measure(retail.orders) AS o
        FROM public.retail WHERE ((retail.sold_at >= '2010-12-01 00:00:00+00'::timestamp with time zone)
        AND (retail.sold_at < '2011-01-01 00:00:00+00'::timestamp with time zone) AND (retail.country = ANY (ARRAY['a'::text, 'ö'::text])))
        GROUP BY retail.country, (date_trunc('month'::text, retail.sold_at))`),
    ).toEqual({
      measures: ['retail.orders'],
      dimensions: ['retail.country'],
      time: [
        { dimension: 'retail.sold_at', granularity: 'month', range: ['2010-12-01T00:00:00Z', '2011-01-01T00:00:00Z'] },
      ],
      where: { member: 'retail.country', op: 'in', values: ['a', 'ö'] },
      timezone: 'UTC',
    });
  });
  it('closes ranges exactly, and negates with three-valued logic', () => {
    expect(
      question(
        `SELECT count(*) AS count FROM public.retail WHERE (NOT ((retail.country = 'a'::text) OR (retail.quantity > 3)))`,
      ).where,
    ).toEqual({
      and: [
        { member: 'retail.country', op: 'ne', values: ['a'] },
        { member: 'retail.quantity', op: 'lte', values: [3] },
      ],
    });
    expect(
      question(`SELECT count(*) AS count FROM public.retail WHERE ((retail.quantity >= 2) AND (retail.quantity <= 9))`)
        .where,
    ).toEqual({
      and: [
        { member: 'retail.quantity', op: 'gte', values: [2] },
        { member: 'retail.quantity', op: 'lte', values: [9] },
      ],
    });
  });
  it('keeps what stands above a block, and counts offsets in bytes', () => {
    const made = plan(
      `SELECT 'öß'::text AS x, q.country FROM ( SELECT retail.country, sum(retail.net) AS s FROM public.retail GROUP BY retail.country) q WHERE (q.s > (3)::numeric)`,
    );
    const text = made?.text((b, c) => `$${b}${c}`, ['x', 'country']) ?? '';
    expect(text).toMatch(/^SELECT 'öß'::text AS x, q.country FROM \( SELECT .* FROM \(SELECT .* unnest\(\$00, \$01\)/s);
    expect(text).toMatch(/\) q WHERE \(q\.s > \(3\)::numeric\)$/);
  });
  it('lets a block of its own grain keep every kind of measure, and a finer one additive ones only', () => {
    expect(
      refusal(
        `SELECT upper(retail.country) AS u, sum(retail.net) AS s FROM public.retail GROUP BY (upper(retail.country))`,
      ),
    ).toBeUndefined();
    expect(
      refusal(
        `SELECT upper(retail.country) AS u, sum(retail.orders) AS s FROM public.retail GROUP BY (upper(retail.country))`,
      ),
    ).toBe('0A000');
    expect(
      refusal(
        `SELECT retail.country, sum(retail.orders) AS s FROM public.retail WHERE (length(retail.country) > 3) GROUP BY retail.country`,
      ),
    ).toBeUndefined();
  });
  it('never sums up over groups that share rows', () => {
    expect(refusal(`SELECT retail.tag, sum(retail.net) AS s FROM public.retail GROUP BY retail.tag`)).toBeUndefined();
    expect(
      refusal(`SELECT upper(retail.tag) AS u, sum(retail.net) AS s FROM public.retail GROUP BY (upper(retail.tag))`),
    ).toBe('0A000');
    expect(refusal(`SELECT count(*) AS n FROM public.retail WHERE (length(retail.tag) > 3)`)).toBe('0A000');
    expect(refusal(`SELECT count(DISTINCT upper(retail.tag)) AS n FROM public.retail`)).toBeUndefined();
  });
  it.each([
    'SELECT retail.country FROM public.retail',
    'SELECT retail.country, retail.net FROM public.retail LIMIT 10',
    'SELECT sum((retail.net * (2)::numeric)) AS sum FROM public.retail',
    'SELECT array_agg(retail.country) AS a FROM public.retail',
    'SELECT count(*) AS count FROM public.retail WHERE (retail.net > (3)::numeric)',
    'SELECT count(*) AS count FROM public.retail WHERE (random() < (0.5)::double precision)',
    'SELECT count(*) AS count FROM (public.retail a CROSS JOIN public.retail b)',
  ])('refuses %s', (sql) => expect(refusal(sql)).toBe('0A000'));
  it('reads nothing where nothing is read', () => {
    expect(plan('SELECT retail.country, retail.net FROM public.retail LIMIT 0')).toBeUndefined();
    expect(plan('SELECT retail.country FROM public.retail WHERE (1 = 0)')).toBeUndefined();
    expect(plan('SELECT t.country FROM pg_temp.retail t')).toBeUndefined();
  });
});

describe('instants', () => {
  it.each([
    ['2010-12-01T00:00:00+00:00', '2010-12-01T00:00:00Z'],
    ['2010-12-01T00:00:00.5-05:30', '2010-12-01T05:30:00.500000Z'],
    ['1850-01-01T00:53:28.000001+00:53:28', '1850-01-01T00:00:00.000001Z'],
  ])('%s is %s', (given, wanted) => expect(instantText(given)).toBe(wanted));
  it.each(['infinity', '-infinity', '0044-03-15T00:00:00+00:00 BC', '12010-01-01T00:00:00+00:00'])(
    '%s is refused',
    (given) => expect(() => instantText(given)).toThrow(),
  );
});
