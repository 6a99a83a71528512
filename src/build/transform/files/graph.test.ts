import { describe, expect, it } from 'vitest';
import { type FileOf, transformOf } from '../../../../test/fixtures/transforms.js';
import { orderTransforms } from './graph.js';

const A: FileOf = { name: 'silver.a', columns: 'id integer, day date, name string', body: 'SELECT 1' };
const D: FileOf = { name: 'gold.d', columns: 'id integer, key integer', body: 'SELECT 1' };
const X: FileOf = {
  name: 'gold.x',
  columns: 'id integer, day date, key integer',
  kind: 'incremental_by_partition',
  body: "SELECT 1 FROM {{ref('silver.a')}} JOIN {{ref('gold.d')}} ON true JOIN {{source('bronze.s')}} ON true",
};
const problem = (more: Partial<FileOf>): string => {
  try {
    orderTransforms([A, D, { ...X, ...more }].map(transformOf), new Set(['words', 'other']));
  } catch (thrown) {
    return thrown instanceof Error ? thrown.message : String(thrown);
  }
  return 'none';
};
const partition = (more: string) => ({ more: `partition: {column: day${more}}\n` });
const lookup = (more: string) => ({
  more: `partition: {column: day, inputs: {silver.a: day}}\nlookups: [{dimension: gold.d, key: id, as_of: day, into: key${more}}]\n`,
});

describe('what the front matter says of other tables', () => {
  it('is true', () => {
    expect(problem(partition(', inputs: {silver.a: day}, sources: {bronze.s: "Day::date"}'))).toBe('none');
    expect(problem(lookup(''))).toBe('none');
  });
  it.each<[Partial<FileOf>, string]>([
    [
      partition(', inputs: {silver.b: day}'),
      ':14: partition.inputs: the SELECT does not read silver.b; did you mean silver.a?',
    ],
    [partition(', inputs: {silver.a: dai}'), 'partition.inputs: silver.a has no column dai; did you mean day?'],
    [
      partition(', inputs: {silver.a: name}'),
      'partition.inputs: silver.a.name is string; a date, a timestamp or an integer is wanted',
    ],
    [
      partition(', sources: {bronze.t: "x"}'),
      'partition.sources: the SELECT does not read bronze.t; did you mean bronze.s?',
    ],
    [
      { more: lookup('').more.replace('gold.d', 'gold.e') },
      ':15: lookups: the SELECT does not read gold.e; did you mean gold.d?',
    ],
    [{ more: lookup('').more.replace('key: id', 'key: ident') }, 'lookups.key: gold.d has no column ident'],
    [{ more: lookup('').more.replace('as_of: day', 'as_of: at') }, 'lookups.as_of: silver.a has no column at'],
  ])('%o', (more, message) => {
    expect(problem(more)).toContain(message);
  });
});

describe('references of a SELECT', () => {
  it.each<[Partial<FileOf>, string]>([
    [
      { body: "SELECT 1 FROM {{ref('silver.aa')}}", kind: 'full' },
      'there is no table silver.aa; did you mean silver.a?',
    ],
    [{ body: "SELECT 1 FROM {{seed('word')}}", kind: 'full' }, 'there is no seed word; did you mean words?'],
    [
      { body: 'SELECT {{partition.strat}}', kind: 'full' },
      '{{partition.strat}} is not known (did you mean partition.start?)',
    ],
    [
      { body: 'SELECT {{partition.start}}', kind: 'full' },
      '{{partition.start}} is for kind incremental_by_partition; this one is full',
    ],
    [{ body: 'SELECT 1 FROM {{this}}', kind: 'view' }, '{{this}} is for checks, and for the SELECT of kind scd2'],
    [{ body: "SELECT 1 FROM {{seed('words')}}, {{seed('other')}}", kind: 'seed' }, 'reads exactly one {{seed('],
    [{ body: "SELECT 1 FROM {{seed('words')}}, {{ref('silver.a')}}", kind: 'seed' }, 'reads exactly one {{seed('],
    [{ body: "SELECT 1 FROM {{seed('words')}}", kind: 'seed' }, 'none'],
    [{ body: 'SELECT 1 WHERE {{partition.start}} < {{partition.end}}', ...partition('') }, 'none'],
    [{ body: 'SELECT 1 FROM {{this}}', kind: 'incremental_by_key', keys: '{natural: [id]}' }, 'none'],
  ])('%o', (more, message) => {
    expect(problem({ ...more })).toContain(message);
  });
  it('of a check may be the table itself', () => {
    const check = 'checks: [{type: relationship, columns: [id], to: gold.x, field: key, severity: warn}]\n';
    expect(problem({ kind: 'full', more: check })).toBe('none');
  });
});
