import { describe, expect, it } from 'vitest';
import type { DeltaSchema } from '../types.js';
import { conditionSql, equalsSql } from './expression.js';

const field = (name: string, type: DeltaSchema['fields'][number]['type']) => ({
  name,
  type,
  nullable: true,
  metadata: {},
});
const schema: DeltaSchema = {
  type: 'struct',
  fields: [
    field('id', 'long'),
    field('Amount', 'decimal(12,2)'),
    field('wide', 'decimal(38,0)'),
    field('name', 'string'),
    field('day', 'date'),
    field('at', 'timestamp'),
    field('rate', 'double'),
    field('small', 'float'),
    field('flag', 'boolean'),
    field('a b', 'integer'),
    field('s', { type: 'struct', fields: [field('x', 'integer')] }),
  ],
};

describe('conditions of Spark SQL', () => {
  it.each([
    ['id > 0', '("id" > 0)'],
    ['ID >= -5 AND amount < 10.50', '(("id" >= -5) AND ("Amount" < 10.50))'],
    ['not (flag or id is null)', '(NOT (("flag" OR ("id" IS NULL))))'],
    ['NOT id = 1 OR flag', '((NOT ("id" = 1)) OR "flag")'],
    ['name IN (\'a\', "b")', `(("name" = 'a') OR ("name" = 'b'))`],
    ['id NOT BETWEEN 1 AND 2', '(NOT (("id" >= 1) AND ("id" <= 2)))'],
    ["day >= '2010-12-01'", `("day" >= DATE '2010-12-01')`],
    ["day < date '2012-02-29'", `("day" < DATE '2012-02-29')`],
    ['rate <= 0.5', `(CAST("rate" AS DOUBLE) <= CAST('0.5' AS DOUBLE))`],
    ['`a b` <=> s.x', '("a b" IS NOT DISTINCT FROM struct_extract("s", \'x\'))'],
    ['length(name) = 3', '(CAST(length("name") AS INTEGER) = 3)'],
    ["name LIKE 'a%'", `("name" LIKE 'a%')`],
    ['year(day) <> 2010', '(CAST(year("day") AS INTEGER) <> 2010)'],
  ])('%s', (text, sql) => expect(conditionSql(text, schema)).toBe(sql));
  it.each([
    '',
    'id',
    'id +',
    'id > 0 0',
    'nothing > 0',
    "id = '1'",
    'name = 1',
    "at > '2010-12-01'",
    'wide > 0.1',
    'rate > id',
    'small > 1',
    "name = 'a\\'b'",
    "name = 'a' 'b'",
    "day > '2010-13-01'",
    "day > '2011-02-29'",
    'upper(name) = name',
    'id + 1 > 0',
    'id = 1 = flag',
    'id > 0 -- x',
    'id > 1e3',
    'cast(at as date) = day',
    's = s',
    'id in (id)',
    'rlike(name, 1)',
    'null',
    '('.repeat(3000),
    'not '.repeat(3000),
  ])('refused: %s', (text) => expect(conditionSql(text, schema)).toBeUndefined());
  it('say what a generated column holds', () => {
    expect(equalsSql('a b', 'year(day)', schema)).toBe('("a b" IS NOT DISTINCT FROM CAST(year("day") AS INTEGER))');
    expect(equalsSql('name', 'substring(name, 1, 2)', schema)).toBe(
      '("name" IS NOT DISTINCT FROM substring("name", 1, 2))',
    );
    expect(equalsSql('day', 'CAST(at AS DATE)', schema)).toBeUndefined();
    expect(equalsSql('id', 'name', schema)).toBeUndefined();
  });
});
