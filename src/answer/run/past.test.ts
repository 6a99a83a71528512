import { describe, expect, it } from 'vitest';
import type { Publication, PublishedTable } from '../../build/transform/index.js';
import type { Plan } from '../plan/index.js';
import type { AskParts } from './parts.js';
import { checkPast, pastOf } from './past.js';

const table = (name: string, version: number): PublishedTable => ({
  ...{ name, postgres: `${name}@${version}`, lake: { path: name, version }, rows: 1, since: version },
  dataVersion: `v${version}`,
});
const publication = (revision: number, tables: readonly PublishedTable[]): Publication => ({
  revision,
  tables: new Map(tables.map((t) => [t.name, t])),
});
const now = publication(2, [table('gold.sales', 2), table('gold.days', 1)]);
const then = publication(1, [table('gold.sales', 1), table('gold.days', 1)]);
const parts = (past: Publication | undefined, kept: boolean): AskParts =>
  ({
    rawSource: 'postgres',
    publications: {
      current: () => now,
      refresh: async () => now,
      asOf: async () => past && { publication: past, kept },
    },
  }) as unknown as AskParts;
const reading = (...tables: string[]): Plan => ({ leg: { tables } }) as unknown as Plan;

describe('an earlier state', () => {
  it('is read from the lake where a table has moved since, else from where the present is', async () => {
    expect((await pastOf('2010-12-01', undefined, parts(then, true))).raw).toBe('lake');
    expect((await pastOf('2010-12-01', undefined, parts(now, true))).raw).toBe('postgres');
  });
  it('is refused once the files of a table may be gone, and for tables that were not there', async () => {
    const kept = await pastOf('2010-12-01', 'Europe/Berlin', parts(then, true));
    expect(() => checkPast(kept, reading('gold.sales', 'gold.days'))).not.toThrow();
    expect(() => checkPast(kept, reading('shop.own'))).toThrow(
      'the state as of 2010-12-01 cannot be answered: shop.own was not published then',
    );
    const old = await pastOf([{ table: 'gold.sales', version: 'v1' }], undefined, parts(then, false));
    expect(() => checkPast(old, reading('gold.days'))).not.toThrow();
    expect(() => checkPast(old, reading('gold.sales'))).toThrow(
      'the state as of gold.sales at v1 cannot be answered: the rows that gold.sales had are kept no longer',
    );
  });
  it.each([
    ['no time', 'yesterday', 'query-invalid'],
    ['an empty list', [], 'query-invalid'],
    ['half a version', [{ table: 'gold.sales' }], 'query-invalid'],
    ['before all publications', '1999-01-01', 'as-of-gone'],
  ])('%s is refused', async (_what, asOf, code) => {
    await expect(pastOf(asOf as string, undefined, parts(undefined, true))).rejects.toMatchObject({ code });
  });
});
