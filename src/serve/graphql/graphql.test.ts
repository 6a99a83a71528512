import { describe, expect, it } from 'vitest';
import { edge, run } from '../../../test/wires/graphql-service.js';

describe('a view’s field', () => {
  it('asks for the selected members only, and answers exact values as texts', async () => {
    const { status, data, errors, extensions, id } = await run(
      '{ retail { nodes { country sold_at { day hour } net_revenue orders is_return } } }',
    );
    expect(errors).toBeUndefined();
    expect(status).toBe(200);
    expect(data?.['retail']?.nodes).toEqual([
      {
        country: 'EIRE',
        sold_at: { day: '2010-12-01', hour: '2010-12-01T08:00:00Z' },
        net_revenue: '6431.33',
        orders: '12',
        is_return: true,
      },
      {
        country: 'France',
        sold_at: { day: '2010-12-02', hour: null },
        net_revenue: '7335.17',
        orders: '9007199254740993',
        is_return: false,
      },
      { country: null, sold_at: { day: null, hour: null }, net_revenue: '-0.01', orders: null, is_return: null },
    ]);
    expect(edge.asked).toHaveLength(1);
    expect(edge.asked[0]?.query).toEqual({
      dimensions: ['retail.country', 'retail.is_return'],
      time: [
        { dimension: 'retail.sold_at', granularity: 'day' },
        { dimension: 'retail.sold_at', granularity: 'hour' },
      ],
      measures: ['retail.net_revenue', 'retail.orders'],
    });
    expect(edge.asked[0]?.options).toMatchObject({ surface: 'graphql', limits: { rows: 100_000 } });
    expect(extensions).toEqual({
      requestId: id,
      provenance: { retail: expect.objectContaining({ plan: 'source', rows: 3 }) },
    });
  });

  it('asks by arguments for measures over other rows, comparisons and totals', async () => {
    const { errors } = await run(
      `{ retail(totals: rollup, fill: true, where: {sold_at: {between: ["2010-12-01", "2010-12-08"]}},
          measures: [{measure: net_revenue, where: {country: {eq: "EIRE"}}, as: "irish"}, {measure: orders, trailing: "7 days", as: "week"}],
          compare: [{as: "before", shift: "1 year", show: [ratio]}]) { nodes { sold_at { day } net_revenue } } }`,
    );
    expect(errors).toBeUndefined();
    expect(edge.asked[0]?.query).toEqual({
      time: [{ dimension: 'retail.sold_at', granularity: 'day', range: ['2010-12-01', '2010-12-08'], fill: true }],
      measures: [
        'retail.net_revenue',
        {
          measure: 'retail.net_revenue',
          where: { member: 'retail.country', op: 'eq', values: ['EIRE'] },
          as: 'irish',
        },
        { measure: 'retail.orders', window: { trailing: '7 days' }, as: 'week' },
      ],
      compare: [{ as: 'before', shift: '1 year', show: ['ratio'] }],
      totals: 'rollup',
    });
  });
  it('asks by arguments for whole periods, rows behind a measure, an earlier state and lower budgets', async () => {
    const { errors } = await run(
      `{ retail(drill: net_revenue, periods: [{time: sold_at, period: "month", of: "2010-12-08", before: 1}], limits: {rows: 5, milliseconds: 100},
          asOf: {tables: [{table: "gold.fact_sales", version: "7"}]}) { nodes { country net_revenue } } }`,
    );
    expect(errors).toBeUndefined();
    expect(edge.asked[0]?.query).toEqual({
      drill: 'retail.net_revenue',
      dimensions: ['retail.country'],
      time: [{ dimension: 'retail.sold_at', range: { period: 'month', of: '2010-12-08', before: 1 } }],
      asOf: [{ table: 'gold.fact_sales', version: '7' }],
      limits: { rows: 5, milliseconds: 100 },
    });
  });
  it.each([
    [
      'two ranges',
      'periods: [{time: sold_at, period: "month"}], where: {sold_at: {between: ["2010-12-01", "2010-12-02"]}}',
    ],
    ['two earlier states', 'asOf: {at: "2010-12-01", tables: []}'],
  ])('refuses %s', async (_what, args) => {
    const { errors } = await run(`{ retail(${args}) { nodes { country } } }`);
    expect(errors?.[0]).toMatchObject({ extensions: { code: 'query-invalid' } });
  });
  it('reads only columns that its arguments made', async () => {
    const { errors } = await run('{ retail { nodes { country columnValue(name: "goods") } } }');
    expect(errors?.[0]).toMatchObject({
      message: 'goods: is no column of this query; it has retail.country',
      extensions: { code: 'query-invalid' },
    });
  });

  it('writes the time itself in the zone of the query, and leaves a missing one null', async () => {
    const { data } = await run('{ retail(timezone: "America/New_York") { nodes { sold_at { value } } } }');
    expect(data?.['retail']?.nodes.map((n) => (n['sold_at'] as { value: unknown }).value)).toEqual([
      '2010-12-01T03:26:00-05:00',
      '2010-12-01T03:26:00.000001-05:00',
      null,
    ]);
    expect(edge.asked[0]?.query).toEqual({ dimensions: ['retail.sold_at'], timezone: 'America/New_York' });
  });

  it('understands aliases, fragments, directives, and the same view twice', async () => {
    const { data, errors } = await run(
      `query ($no: Boolean!) {
         a: retail { nodes { ...Land total: net_revenue again: net_revenue orders @include(if: $no) } }
         b: retail { rows: nodes { at: sold_at { ... on RetailSoldAtTime { d: day } } } nodes { country @skip(if: true) } __typename }
       }
       fragment Land on Retail { __typename land: country }`,
      { no: false },
    );
    expect(errors).toBeUndefined();
    expect(data?.['a']?.nodes[0]).toEqual({ __typename: 'Retail', land: 'EIRE', total: '6431.33', again: '6431.33' });
    expect(data?.['b']).toMatchObject({ __typename: 'RetailConnection', rows: [{ at: { d: '2010-12-01' } }, {}, {}] });
    expect(edge.asked.map((a) => a.query)).toEqual([
      { dimensions: ['retail.country'], measures: ['retail.net_revenue'] },
      { time: [{ dimension: 'retail.sold_at', granularity: 'day' }] },
    ]);
  });

  it('translates conditions, order, segments and source; digits of literals stay as written', async () => {
    const { errors } = await run(
      `{ retail(
           where: { country: { in: ["Germany", "France"], ne: "x" }, sold_at: { between: ["2010-12-01", "2010-12-14"] },
                    or: [{ line_type: { icontains: "prod" } }, { not: { is_return: { eq: true } } }], line_type: { isNull: false } }
           having: { net_revenue: { gt: 12345678901234567.89 }, orders: { gte: 9007199254740993 } }
           orderBy: [{ by: net_revenue, dir: desc }, { by: sold_at_day, nulls: first }]
           segments: [big] source: raw fresh: current
         ) { nodes { sold_at { day month } net_revenue } } }`,
    );
    expect(errors).toBeUndefined();
    expect(edge.asked[0]?.query).toEqual({
      measures: ['retail.net_revenue'],
      time: [
        { dimension: 'retail.sold_at', granularity: 'day', range: ['2010-12-01', '2010-12-14'] },
        { dimension: 'retail.sold_at', granularity: 'month' },
      ],
      segments: ['retail.big'],
      where: {
        and: [
          { member: 'retail.country', op: 'ne', values: ['x'] },
          { member: 'retail.country', op: 'in', values: ['Germany', 'France'] },
          { member: 'retail.line_type', op: 'isNotNull' },
          {
            or: [
              { member: 'retail.line_type', op: 'icontains', values: ['prod'] },
              { not: { member: 'retail.is_return', op: 'eq', values: [true] } },
            ],
          },
        ],
      },
      having: {
        and: [
          { member: 'retail.net_revenue', op: 'gt', values: ['12345678901234567.89'] },
          { member: 'retail.orders', op: 'gte', values: ['9007199254740993'] },
        ],
      },
      order: [
        { by: 'retail.net_revenue', dir: 'desc', nulls: 'last' },
        { by: 'retail.sold_at.day', dir: 'asc', nulls: 'first' },
      ],
      source: 'raw',
      fresh: 'current',
    });
  });

  it('takes the same conditions as variables; a range without a bucket is a filter of its own', async () => {
    await run('query ($w: RetailWhere) { retail(where: $w) { nodes { country } } }', {
      w: { sold_at: { between: ['2010-12-01', '2010-12-02T10:00:00+01:00'], isNull: false } },
    });
    expect(edge.asked[0]?.query).toEqual({
      dimensions: ['retail.country'],
      time: [{ dimension: 'retail.sold_at', range: ['2010-12-01', '2010-12-02T10:00:00+01:00'] }],
      where: { member: 'retail.sold_at', op: 'isNotNull' },
    });
  });
});

describe('pages', () => {
  it('walk all groups by cursors and count them only when asked', async () => {
    edge.rows = 5;
    const seen: unknown[] = [];
    let after: string | null = null;
    for (let pages = 0; pages < 5; pages++) {
      const { data } = await run(
        'query ($a: String) { retail(first: 2, after: $a) { nodes { country } pageInfo { hasNextPage hasPreviousPage endCursor } } }',
        { a: after },
      );
      seen.push(...(data?.['retail']?.nodes ?? []));
      const info = data?.['retail']?.pageInfo;
      expect(info?.['hasPreviousPage']).toBe(after !== null);
      after = String(info?.['endCursor']);
      if (!info?.['hasNextPage']) break;
    }
    expect(seen).toHaveLength(5);
    expect(edge.asked.map(({ query }) => [query.offset ?? 0, query.limit])).toEqual([
      [0, 3],
      [2, 3],
      [4, 3],
    ]);
    edge.asked = [];
    const { data } = await run('{ retail(first: 2) { totalCount nodes { country } } }');
    expect(data?.['retail']).toMatchObject({ totalCount: 5, nodes: [{}, {}] });
    expect(edge.asked[1]?.query).toEqual({ dimensions: ['retail.country'] });
    edge.asked = [];
    expect((await run('{ retail { totalCount nodes { country } } }')).data?.['retail']?.totalCount).toBe(5);
    expect(edge.asked).toHaveLength(1);
  });
  it('end behind the last group', async () => {
    const { data } = await run(
      `{ retail(first: 2, after: "${Buffer.from('o9').toString('base64url')}") { totalCount nodes { country } pageInfo { hasNextPage endCursor } } }`,
    );
    expect(data?.['retail']).toEqual({ totalCount: 3, nodes: [], pageInfo: { hasNextPage: false, endCursor: null } });
  });
  it.each([
    ['a cursor of nobody', 'retail(after: "abc") { nodes { country } }', 'query-invalid'],
    ['a negative size', 'retail(first: -1) { nodes { country } }', 'query-invalid'],
    ['a size over the budget', 'retail(first: 100001) { nodes { country } }', 'query-invalid'],
    ['no member', 'retail { totalCount }', 'query-invalid'],
    ['no member but a type name', 'retail { nodes { __typename } }', 'query-invalid'],
    ['a null in a condition', 'retail(where: { country: { eq: null } }) { nodes { country } }', 'query-invalid'],
    ['a condition without content', 'retail(where: { or: [{}] }) { nodes { country } }', 'query-invalid'],
    ['half a range', 'retail(where: { sold_at: { between: ["2010-12-01"] } }) { nodes { country } }', 'query-invalid'],
    ['a date that is none', 'retail(where: { sold_at: { gt: "soon" } }) { nodes { country } }', 'request-invalid'],
    ['an unknown field', 'retail { nodes { kountry } }', 'unknown-member'],
    [
      'an unknown field in a condition',
      'retail(where: { kountry: { eq: "x" } }) { nodes { country } }',
      'unknown-member',
    ],
    ['an unknown column in the order', 'retail(orderBy: [{ by: kountry }]) { nodes { country } }', 'unknown-member'],
    ['an unknown view', 'retale { nodes { country } }', 'unknown-member'],
    ['no document', 'retail {', 'request-invalid'],
  ])('and other things are refused: %s', async (_what, field, code) => {
    const { status, errors, data } = await run(`{ ${field} }`);
    expect(errors?.[0]?.extensions['code']).toBe(code);
    expect(status).toBe(400);
    expect(data?.['retail'] ?? null).toBeNull();
    expect(edge.asked).toEqual([]);
  });
});
