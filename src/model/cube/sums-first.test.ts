import { beforeAll, describe, expect, it } from 'vitest';
import { placedSql, sqlPieces } from '../../query/index.js';
import { loadSqlParser } from './measure-over.js';
import { sumsFirst } from './sums-first.js';

const MANY = [{ alias: 'cards', table: 'bank.cards' }];
/** A leg whose places are written as Cube's text has them. */
const moved = (sql: string): string =>
  placedSql(sumsFirst(sqlPieces(sql.replace(/\$(\d+)/g, (_, n) => `\u0002${Number(n) - 1}\u0002`)), MANY));
const FROM_ACCOUNTS =
  'FROM "@bank.accounts" AS "accounts" LEFT JOIN "@bank.cards" AS "cards" ON "accounts".id = "cards".account_id';
const FROM_CARDS =
  'FROM "@bank.cards" AS "cards" LEFT JOIN "@bank.accounts" AS "accounts" ON "cards".account_id = "accounts".id';

describe('sums before joins', () => {
  beforeAll(() => loadSqlParser());

  it('are made by the key of the join, whichever side begins it', () => {
    expect(
      moved(
        `SELECT "accounts".region "c0", sum("cards".credit) "c1", count("cards".id) "c2" ${FROM_ACCOUNTS} GROUP BY 1 ORDER BY 1 ASC NULLS LAST LIMIT $1`,
      ),
    ).toBe(
      `SELECT "accounts".region "c0", sum("cards"."~0") "c1", coalesce(sum("cards"."~1"), 0)::bigint "c2" FROM "@bank.accounts" AS "accounts" LEFT JOIN (SELECT "cards"."account_id", sum("cards".credit) AS "~0", count("cards".id) AS "~1" FROM "@bank.cards" AS "cards" GROUP BY 1) AS "cards" ON "accounts".id = "cards".account_id GROUP BY 1 ORDER BY 1 ASC NULLS LAST LIMIT $1`,
    );
  });

  it('take conditions on their own table with them, and their places', () => {
    expect(
      moved(
        `SELECT "accounts".region "c0", max(CASE WHEN "cards".kind = ')''"' THEN "cards".credit END) "c1" ${FROM_CARDS} WHERE ("cards".day >= $1::date AND "cards".day < $2::date) GROUP BY 1`,
      ),
    ).toBe(
      `SELECT "accounts".region "c0", max("cards"."~0") "c1" FROM (SELECT "cards"."account_id", max(CASE WHEN "cards".kind = ')''"' THEN "cards".credit END) AS "~0" FROM "@bank.cards" AS "cards" WHERE ("cards".day >= $1::date AND "cards".day < $2::date) GROUP BY 1) AS "cards" LEFT JOIN "@bank.accounts" AS "accounts" ON "cards".account_id = "accounts".id GROUP BY 1`,
    );
  });

  it.each([
    [
      'a condition on what is joined',
      `SELECT "accounts".region "c0", sum("cards".credit) "c1" ${FROM_CARDS} WHERE "accounts".region = $1 GROUP BY 1`,
    ],
    [
      'a condition on the joined many',
      `SELECT "accounts".region "c0", sum("cards".credit) "c1" ${FROM_ACCOUNTS} WHERE "cards".kind = $1 GROUP BY 1`,
    ],
    ['a group of the table itself', `SELECT "cards".kind "c0", sum("cards".credit) "c1" ${FROM_CARDS} GROUP BY 1`],
    ['a distinct count', `SELECT "accounts".region "c0", count(distinct "cards".id) "c1" ${FROM_CARDS} GROUP BY 1`],
    ['a count of the other side', `SELECT "accounts".region "c0", count("accounts".id) "c1" ${FROM_CARDS} GROUP BY 1`],
    ['every row counted', `SELECT "accounts".region "c0", count(*) "c1" ${FROM_CARDS} GROUP BY 1`],
    ['an average', `SELECT "accounts".region "c0", avg("cards".credit) "c1" ${FROM_CARDS} GROUP BY 1`],
    ['a column without its table', `SELECT "accounts".region "c0", sum(credit) "c1" ${FROM_CARDS} GROUP BY 1`],
    [
      'a sum of both sides',
      `SELECT "accounts".region "c0", sum("cards".credit * "accounts".rate) "c1" ${FROM_CARDS} GROUP BY 1`,
    ],
    [
      'an inner join',
      `SELECT "accounts".region "c0", sum("cards".credit) "c1" ${FROM_CARDS.replace('LEFT', 'INNER')} GROUP BY 1`,
    ],
    [
      'two keys',
      `SELECT "accounts".region "c0", sum("cards".credit) "c1" ${FROM_CARDS} AND "cards".bank = "accounts".bank GROUP BY 1`,
    ],
    [
      'a condition on groups',
      `SELECT "accounts".region "c0", sum("cards".credit) "c1" ${FROM_CARDS} GROUP BY 1 HAVING sum("cards".credit) > 1`,
    ],
    [
      'a filtered sum',
      `SELECT "accounts".region "c0", sum("cards".credit) FILTER (WHERE "accounts".open) "c1" ${FROM_CARDS} GROUP BY 1`,
    ],
    ['rows one by one', `SELECT "accounts".region "c0", "cards".credit "c1" ${FROM_CARDS}`],
    [
      'a subquery',
      `SELECT "accounts".region "c0", sum("cards".credit) "c1" ${FROM_CARDS} WHERE "cards".id IN (SELECT 1) GROUP BY 1`,
    ],
  ])('are not made with %s', (_, sql) => {
    expect(moved(sql)).toBe(sql);
  });
});
