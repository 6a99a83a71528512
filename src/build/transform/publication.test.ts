import { describe, expect, it } from 'vitest';
import { lakeRelationOf, type PublishedTable } from './publication.js';

const table = (more: Partial<PublishedTable>): PublishedTable => ({
  ...{ name: 'gold.x', postgres: undefined, lake: undefined, dataVersion: 'a', rows: 1, since: 1 },
  ...more,
});
const at = (path: string, version: number): string => `delta(${path}@${version})`;

describe('the relation of a published table in the lake', () => {
  it('is its Delta version', async () => {
    expect(await lakeRelationOf(table({ lake: { path: '/l/x', version: 3 } }), at)).toBe('delta(/l/x@3)');
  });
  it('of a view is its statement over the versions of its tables', async () => {
    const tables = [
      { alias: '"lake a"', path: '/l/a', version: 1 },
      { alias: '"lake b"', path: '/l/b', version: 2 },
    ];
    expect(await lakeRelationOf(table({ lakeView: { relation: '(SELECT 1)', tables } }), at)).toBe(
      '(WITH "lake a" AS NOT MATERIALIZED (SELECT * FROM delta(/l/a@1)), "lake b" AS NOT MATERIALIZED (SELECT * FROM delta(/l/b@2)) SELECT * FROM (SELECT 1))',
    );
  });
  it('is none where the table is not there', () => {
    expect(lakeRelationOf(table({}), at)).toBeUndefined();
  });
});
