import { describe, expect, it } from 'vitest';
import { orderTransforms } from './graph.js';
import { readTransform } from './read-transforms.js';

const file = (name: string, body: string, more = '') => `/* @transform
name: silver.${name}
version: 1
description: a table
kind: full
role: fact
keys: {natural: [id]}
targets: [delta, postgres]
columns:
  - {name: id, type: bigint, nullable: false}
${more}owner: somebody
*/
${body}
`;
const read = (name: string, body: string, more = '') =>
  readTransform(`sql/silver/${name}.v1.sql`, 'silver', file(name, body, more));
const messageOf = (work: () => unknown): string => {
  try {
    work();
  } catch (thrown) {
    return thrown instanceof Error ? thrown.message : String(thrown);
  }
  return 'nothing was thrown';
};

describe('a transform file', () => {
  it('is read with its contract, and its body keeps its line', () => {
    const transform = read('a', 'SELECT 1::bigint AS id');
    expect(transform).toMatchObject({ name: 'silver.a', version: 1, bodyLine: 12, natural: ['id'], clusterBy: ['id'] });
    expect(transform.columns).toEqual([{ name: 'id', type: { kind: 'bigint' }, nullable: false, pii: 'none' }]);
  });
  it.each([
    ['an unknown field', 'colour: red\n', 'sql/silver/a.v1.sql:11: the front matter has no field colour'],
    ['broken YAML', 'checks: [\n', 'sql/silver/a.v1.sql:1'],
    [
      'a column that is not in the contract',
      'checks:\n  - {type: unique, columns: [nope], severity: error}\n',
      'sql/silver/a.v1.sql:12: nope is no column of the contract',
    ],
    [
      'an unknown severity',
      'checks:\n  - {type: unique, columns: [id], severity: bad}\n',
      'sql/silver/a.v1.sql:12: severity must be one of critical, error, warn, info',
    ],
    [
      'a check that stands twice',
      'checks:\n  - {type: unique, columns: [id], severity: warn}\n  - {type: unique, columns: [id], severity: error}\n',
      'sql/silver/a.v1.sql:12: check unique_id stands twice',
    ],
  ])('names file and line of %s', (_what, more, message) => {
    expect(messageOf(() => read('a', 'SELECT 1', more))).toContain(message);
  });
  it('must be called what it says it is', () => {
    expect(messageOf(() => readTransform('sql/silver/b.v1.sql', 'silver', file('a', 'SELECT 1')))).toContain(
      'name must be silver.b',
    );
    expect(messageOf(() => readTransform('sql/silver/a.v2.sql', 'silver', file('a', 'SELECT 1')))).toContain(
      'version must be 2',
    );
  });
});

describe('references', () => {
  const order = (...transforms: ReturnType<typeof read>[]) =>
    orderTransforms(transforms, new Set(['words'])).map(({ transform }) => transform.name);
  it('put each table after what it reads', () => {
    expect(
      order(
        read('a', "SELECT * FROM {{ref('silver.c')}}"),
        read('b', 'SELECT 1'),
        read('c', "SELECT * FROM {{ref('silver.b')}} JOIN {{seed('words')}} USING (id)"),
      ),
    ).toEqual(['silver.b', 'silver.c', 'silver.a']);
  });
  it('may not run in a circle', () => {
    expect(
      messageOf(() =>
        order(read('a', "SELECT * FROM {{ref('silver.b')}}"), read('b', "SELECT * FROM {{ref('silver.a')}}")),
      ),
    ).toBe(
      'sql/silver/a.v1.sql:1: tables need each other in a circle: silver.a (sql/silver/a.v1.sql) -> silver.b (sql/silver/b.v1.sql) -> silver.a (sql/silver/a.v1.sql)',
    );
  });
  it.each([
    ["{{ref('silver.nope')}}", 'sql/silver/a.v1.sql:14: there is no table silver.nope; see transforms/sql'],
    ["{{seed('nope')}}", 'sql/silver/a.v1.sql:14: there is no seed nope; see transforms/seeds'],
    ["{{source('silver.b')}}", 'sql/silver/a.v1.sql:14: a source is a table of bronze'],
    ['{{secret.pseudonyms}}', 'sql/silver/a.v1.sql:14: {{secret.pseudonyms}} needs the field pseudonyms'],
    ['{{this}}', 'sql/silver/a.v1.sql:14: {{this}} is for checks, and for the SELECT of kind scd2'],
    ['{{ref(silver.b)}}', 'sql/silver/a.v1.sql:14: {{ref(silver.b)}} is not known'],
  ])('%s is refused with its line', (reference, message) => {
    expect(messageOf(() => order(read('a', `SELECT *\nFROM ${reference}`)))).toContain(message);
  });
});
