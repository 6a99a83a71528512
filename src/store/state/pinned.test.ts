import { describe, expect, it } from 'vitest';
import { pinnedRelation, pinnedStatement } from './pinned.js';

const lines = pinnedRelation('"phys_silver"."lines__v1__a"', 1, 7);
const shops = pinnedRelation('"phys_gold"."shops__v1__b"', 2, 8);
/** A view over both, as transforms write it. */
const view = `(${pinnedStatement(
  new Map([
    ['lines', lines],
    ['shops', shops],
  ]),
  (of) => `SELECT l.id FROM ${of('lines')} AS l JOIN ${of('shops')} AS s ON s.id = l.shop WHERE l.n > 0`,
)})`;

describe('guards of pinned relations', () => {
  it('stand around a statement, each once', () => {
    expect(view).toBe(
      '(SELECT * FROM (SELECT l.id FROM "phys_silver"."lines__v1__a" AS l JOIN "phys_gold"."shops__v1__b" AS s ON s.id = l.shop WHERE l.n > 0) AS pinned WHERE (SELECT assay.pinned(1, 7)) AND (SELECT assay.pinned(2, 8)))',
    );
  });
  it('of a view come out of it as those of tables do', () => {
    const sql = pinnedStatement(
      new Map([
        ['v', view],
        ['lines', lines],
      ]),
      (of) => `SELECT count(*) FROM ${of('v')} AS v LEFT JOIN ${of('lines')} AS l ON l.id = v.id`,
    );
    expect(sql).toBe(
      'SELECT * FROM (SELECT count(*) FROM (SELECT l.id FROM "phys_silver"."lines__v1__a" AS l JOIN "phys_gold"."shops__v1__b" AS s ON s.id = l.shop WHERE l.n > 0) AS v LEFT JOIN "phys_silver"."lines__v1__a" AS l ON l.id = v.id) AS pinned WHERE (SELECT assay.pinned(1, 7)) AND (SELECT assay.pinned(2, 8))',
    );
  });
  it('are none of relations that carry none', () => {
    expect(pinnedStatement(new Map([['t', 'gold.t']]), (of) => `SELECT 1 FROM ${of('t')}`)).toBe(
      'SELECT 1 FROM gold.t',
    );
  });
});
