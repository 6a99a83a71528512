import { describe, expect, it } from 'vitest';
import { readTransform } from '../files/read-transforms.js';
import { readYaml } from '../files/yaml-reader.js';
import { surrogateOf } from './cells.js';
import { testsOf } from './test-case.js';

const transform = readTransform(
  'sql/gold/t.v1.sql',
  'gold',
  `/* @transform
name: gold.t
version: 1
description: a table
kind: full
role: fact
keys: {natural: [id]}
targets: [delta]
columns:
  - {name: id, type: bigint, nullable: false}
  - {name: amount, type: "decimal(12,2)", nullable: true}
  - {name: at, type: timestamp, nullable: true}
owner: somebody
*/ SELECT id, amount, at FROM {{source('bronze.x')}}`,
);
const read = (text: string) =>
  testsOf(
    readYaml('tests/t.yml', text, 1),
    (id) => (id === 'gold.t' ? transform : undefined),
    () => ['bronze.x'],
  );
const one = (expected: string, given = '{bronze.x: [{id: 1}]}') =>
  read(`model: gold.t\ntests:\n  - {name: a, given: ${given}, expect: ${expected}}`)[0];

describe('reading tests of transforms', () => {
  it('keeps numbers as they are written, and times in UTC', () => {
    const test = one('[{id: 9223372036854775807, amount: 0.10, at: 2010-12-01 08:26}, {id: -1, amount: null}]');
    expect(test?.expect).toMatchObject({
      rows: {
        rows: [
          ['9223372036854775807', '0.10', '2010-12-01 08:26:00+00'],
          ['-1', null, null],
        ],
      },
    });
  });
  it('speaks of the columns that are named only', () => {
    const test = one('{defaults: {amount: 1}, rows: [{id: 1}, {id: 2, amount: 2}]}');
    expect(test?.expect).toMatchObject({
      rows: {
        columns: [{ name: 'id' }, { name: 'amount' }],
        rows: [
          ['1', '1'],
          ['2', '2'],
        ],
      },
    });
  });
  it('reads csv: a bare empty field is null, a quoted one a text of no length', () => {
    const [test] = read(`model: gold.t
tests:
  - name: a
    given:
      bronze.x:
        csv: |
          _source_file,_batch_id
          ,""
    expect: {columns: [id], rows: []}`);
    const rows = test?.given.get('bronze.x');
    expect([rows?.rows[0]?.[0], rows?.rows[0]?.[3]]).toEqual([null, '']);
  });
  it.each([
    ['[{id: 1, amount: 0.125}]', 'tests/t.yml:3: amount: 0.125 is no decimal(12,2)'],
    ['[{id: 1.5}]', 'tests/t.yml:3: id: 1.5 is no bigint'],
    ['[{at: 2010-12-01 08:26+01}]', 'tests/t.yml:3: at: 2010-12-01 08:26+01 is no timestamp'],
    ['[{name: 1}]', 'tests/t.yml:3: a row has no field name; it has id, amount, at'],
  ])('refuses %s', (expected, message) => {
    expect(() => one(expected)).toThrow(message);
  });
  it('refuses inputs that the table does not read, and tables that are not there', () => {
    expect(() => one('[]', '{bronze.y: []}')).toThrow('given (gold.t reads them) has no field bronze.y;');
    expect(() => read('model: gold.u\ntests: [{name: a, expect: []}]')).toThrow('there is no table gold.u');
  });
  it('makes surrogate keys as the engines do', () => {
    // printf a | md5sum | cut -c1-15, as a number
    expect(surrogateOf(['a'])).toBe('57446577476672362');
  });
});
