import { describe, expect, it } from 'vitest';
import { decodeQuery } from './decode.js';

const whole = {
  measures: ['retail.net_revenue'],
  dimensions: ['retail.country'],
  time: [{ dimension: 'retail.sold_at', granularity: 'day', range: ['2010-12-01', '2010-12-14'] }],
  where: {
    and: [
      { member: 'retail.country', op: 'in', values: ['Germany', 'France'] },
      { not: { member: 'retail.customer_id', op: 'isNull' } },
    ],
  },
  having: { member: 'retail.orders', op: 'gt', values: [3] },
  order: [{ by: 'retail.net_revenue', dir: 'desc', nulls: 'last' }],
  timezone: 'UTC',
  limit: 100,
  offset: 0,
};

describe('a body', () => {
  it('that follows the schema is the query as it stands, its limits apart', () => {
    expect(decodeQuery(whole)).toEqual({ query: whole, limits: {} });
    expect(decodeQuery({ ...whole, limits: { rows: 10, milliseconds: 1e9 } })).toEqual({
      query: whole,
      limits: { rows: 10, milliseconds: 1e9 },
    });
  });

  const leaf = { member: 'retail.country', op: 'eq', values: ['x'] };
  it.each<[string, unknown, string, string]>([
    ['no object', [], 'request-invalid', 'body: a metric query in JSON is wanted'],
    ['nothing', undefined, 'request-invalid', 'body: a metric query in JSON is wanted'],
    ['a misspelt part', { mesures: [] }, 'query-invalid', 'mesures: is not known here'],
    [
      'a measure of the wrong kind',
      { measures: [7] },
      'query-invalid',
      'measures[0]: a name or {measure, where, window, as} is wanted',
    ],
    ['an unknown operator', { where: { ...leaf, op: 'is' } }, 'query-invalid', 'where.op: one of eq, ne, in'],
    ['a missing operator', { where: { member: 'a' } }, 'query-invalid', 'where.op: is missing'],
    ['an empty condition', { where: {} }, 'query-invalid', 'where: a condition is {member'],
    ['a condition that is text', { where: 'x' }, 'query-invalid', 'where: a condition is {member'],
    [
      'a deep mistake',
      { where: { and: [leaf, { or: [leaf, { not: { ...leaf, values: [null] } }] }] } },
      'query-invalid',
      'where.and[1].or[1].not.values[0]: string, number, boolean is wanted',
    ],
    [
      'an extra key in a condition',
      { where: { ...leaf, value: 1 } },
      'query-invalid',
      'where.value: is not known here',
    ],
    ['two forms at once', { where: { ...leaf, and: [leaf] } }, 'query-invalid', 'where.and: is not known here'],
    ['half a range', { time: [{ dimension: 'a.b', range: ['2010-12-01'] }] }, 'query-invalid', 'time[0].range'],
    ['a limit below zero', { limit: -1 }, 'query-invalid', 'limit: expected integer'],
    ['a limit with a fraction', { limit: 1.5 }, 'query-invalid', 'limit: expected integer'],
    [
      'an order of the wrong direction',
      { order: [{ by: 'a', dir: 'up' }] },
      'query-invalid',
      'order[0].dir: one of asc, desc',
    ],
    ['a rounded number', { where: { ...leaf, values: [2 ** 53] } }, 'query-invalid', 'where.values[0]: is beyond 2^53'],
    ['totals of no kind', { totals: 'some' }, 'query-invalid', 'totals: one of none, grand, rollup, cube, or a list'],
    ['a comparison without a shift', { compare: [{ as: 'a' }] }, 'query-invalid', 'compare[0].shift: is missing'],
    ['a measure without a name', { measures: [{ measure: 'a.b' }] }, 'query-invalid', 'measures[0].as: is missing'],
    [
      'a window of no kind',
      { measures: [{ measure: 'a.b', window: {}, as: 'c' }] },
      'query-invalid',
      'measures[0].window: {trailing: "7 days"} or',
    ],
    ['asOf of no form', { asOf: 7 }, 'query-invalid', 'asOf: a time or [{table, version}] is wanted'],
    [
      'a range of no form',
      { time: [{ dimension: 'a.b', range: { of: 'now' } }] },
      'query-invalid',
      'time[0].range.period: is missing',
    ],
    [
      'half a period',
      { time: [{ dimension: 'a.b', range: { period: 'retail_month', count: 0 } }] },
      'query-invalid',
      'time[0].range.count: expected integer to be greater or equal to 1',
    ],
    [
      'a parameter that is not given',
      { parameters: { a: 1 }, where: { member: 'shop.kind', op: 'eq', values: [{ parameter: 'b' }] } },
      'query-invalid',
      'where.values[0].parameter',
    ],
    ['a parameter that is not used', { parameters: { a: 1 } }, 'query-invalid', 'parameters.a'],
    ['a prototype', JSON.parse('{"constructor": 1}'), 'query-invalid', 'constructor: is not known here'],
  ])('with %s is refused at its place', (_what, body, code, text) => {
    expect(() => decodeQuery(body)).toThrow(expect.objectContaining({ code, message: expect.stringContaining(text) }));
  });

  it('nested without end is refused, and no stack is exhausted', () => {
    const deep = (levels: number) =>
      JSON.parse(`${'{"not":'.repeat(levels)}${JSON.stringify(leaf)}${'}'.repeat(levels)}`);
    expect(() => decodeQuery({ where: deep(60) })).not.toThrow();
    expect(() => decodeQuery({ where: deep(100_000) })).toThrow(
      expect.objectContaining({ code: 'query-invalid', message: expect.stringContaining('nested deeper') }),
    );
  });
});

it('puts parameters where they stand, a list for all of a list', () => {
  const { query } = decodeQuery({
    measures: ['shop.lines'],
    time: [{ dimension: 'shop.sold_at', range: [{ parameter: 'from' }, '2010-12-14'] }],
    where: { member: 'shop.kind', op: 'in', values: [{ parameter: 'kinds' }, 'c'] },
    parameters: { from: '2010-12-01', kinds: ['a', 'b'] },
  });
  expect(query).toEqual({
    measures: ['shop.lines'],
    time: [{ dimension: 'shop.sold_at', range: ['2010-12-01', '2010-12-14'] }],
    where: { member: 'shop.kind', op: 'in', values: ['a', 'b', 'c'] },
  });
});
