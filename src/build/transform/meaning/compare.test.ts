import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type FileOf, kept, type OpenEngine, openEngine, understand } from '../../../../test/fixtures/transforms.js';
import { type Category, type CompareOptions, compare, type ModelChange } from './compare.js';
import type { StoredDefinition } from './stored.js';

let engine: OpenEngine;
beforeAll(async () => {
  engine = await openEngine();
});
afterAll(() => engine.close());

const T: FileOf = {
  name: 'silver.t',
  columns: 'id integer, a integer, b integer',
  body: 'SELECT 1 AS id, 2 AS a, 3 AS b',
};
const t = "{{ref('silver.t')}}";
const X: FileOf = {
  name: 'gold.x',
  columns: 'id integer, v integer',
  body: `WITH q AS (SELECT id, a, b FROM ${t} WHERE b > 0)\nSELECT id, a + 1 AS v FROM q WHERE a < 5`,
};

const storedOf = async (file: FileOf): Promise<StoredDefinition | undefined> =>
  (await understand(engine, [T, file])).stored.get(file.name);
const change = async (before: FileOf, after: FileOf, options: CompareOptions = {}): Promise<ModelChange | undefined> =>
  compare(kept(await storedOf(before)), await storedOf(after), options);

/** An edit of X, or of `from`: what it is, and what the reasons must tell. */
interface Edit {
  readonly what: string;
  readonly from?: Partial<FileOf>;
  readonly to: Partial<FileOf>;
  readonly category: Category | 'nothing';
  readonly reasons?: readonly string[];
}

const wider = 'id integer, v integer, w integer';
const EDITS: readonly Edit[] = [
  { what: 'nothing', to: {}, category: 'nothing' },
  {
    what: 'a comment, the layout and the case of words',
    to: {
      body: `-- why\nwith Q as (select ID, A, b from ${t} where B > 0) select ID, a+1 as V from q where (a < 5) /* so */`,
    },
    category: 'nothing',
  },
  {
    what: 'another name for the common table expression',
    to: { body: `WITH other AS (SELECT id, a, b FROM ${t} WHERE b > 0)\nSELECT id, a + 1 AS v FROM other WHERE a < 5` },
    category: 'nothing',
  },
  {
    what: 'a table alias',
    to: {
      body: `WITH q AS (SELECT s.id, s.a, s.b FROM ${t} AS s WHERE s.b > 0)\nSELECT z.id, z.a + 1 AS v FROM q AS z WHERE z.a < 5`,
    },
    category: 'nothing',
  },
  {
    what: 'one column more in a common table expression that nobody reads',
    to: {
      body: `WITH q AS (SELECT id, a, b, a * b AS c FROM ${t} WHERE b > 0)\nSELECT id, a + 1 AS v FROM q WHERE a < 5`,
    },
    category: 'nothing',
  },
  { what: 'the order of rows at the top', to: { body: `${X.body} ORDER BY id` }, category: 'nothing' },
  {
    what: 'owner and checks',
    to: { more: 'quality: {min_score: 90}\n' },
    category: 'metadata',
    reasons: ['checks, owner, descriptions or storage changed'],
  },
  {
    what: 'a column at the end',
    to: { columns: wider, body: X.body.replace('AS v', 'AS v, b AS w') },
    category: 'additive',
    reasons: ['column w integer is new'],
  },
  {
    what: 'a column in the middle',
    to: {
      columns: 'id integer, w integer, v integer',
      body: X.body.replace('SELECT id, a + 1', 'SELECT id, b AS w, a + 1'),
    },
    category: 'additive',
    reasons: ['column w integer is new'],
  },
  {
    what: 'a window at the end',
    to: {
      columns: 'id integer, v integer, w bigint',
      body: X.body.replace('AS v', 'AS v, count(*) OVER (PARTITION BY b) AS w'),
    },
    category: 'additive',
  },
  {
    what: 'a column at the end of a grouped query',
    from: { body: `SELECT id, sum(a) AS v FROM ${t} GROUP BY id` },
    to: { columns: wider, body: `SELECT id, sum(a) AS v, max(b) AS w FROM ${t} GROUP BY id` },
    category: 'additive',
  },
  {
    what: 'a column that may no longer be null',
    from: { columns: 'id integer, v integer null' },
    to: {},
    category: 'additive',
    reasons: ['column v may no longer be null'],
  },
  {
    what: 'a key of GROUP BY, although the text only grows',
    from: { body: `SELECT id, sum(a) AS v FROM ${t} GROUP BY id` },
    to: { columns: wider, body: `SELECT id, sum(a) AS v, b AS w FROM ${t} GROUP BY id, b` },
    category: 'breaking',
    reasons: ['column w integer is new', 'the set of rows is another: GROUP BY'],
  },
  {
    what: 'a column under DISTINCT, although the text only grows',
    from: { body: `SELECT DISTINCT id, a AS v FROM ${t}` },
    to: { columns: wider, body: `SELECT DISTINCT id, a AS v, b AS w FROM ${t}` },
    category: 'breaking',
  },
  {
    what: 'a column under GROUP BY ALL',
    from: { body: `SELECT id, sum(a) AS v FROM ${t} GROUP BY ALL` },
    to: { columns: wider, body: `SELECT id, sum(a) AS v, b AS w FROM ${t} GROUP BY ALL` },
    category: 'breaking',
  },
  {
    what: 'a column in both sides of UNION ALL',
    from: { body: `SELECT id, a AS v FROM ${t} UNION ALL SELECT id, b FROM ${t}` },
    to: { columns: wider, body: `SELECT id, a AS v, b AS w FROM ${t} UNION ALL SELECT id, b, a FROM ${t}` },
    category: 'breaking',
  },
  {
    what: 'an aggregate beside plain values, which makes one row of all',
    from: { body: `SELECT 1 AS id, 2 AS v FROM ${t}` },
    to: { columns: wider, body: `SELECT 1 AS id, 2 AS v, count(*) AS w FROM ${t}` },
    category: 'breaking',
  },
  {
    what: 'an aggregate of the outer rows within a subquery',
    from: { body: `SELECT 1 AS id, 2 AS v FROM ${t} AS t` },
    to: { columns: wider, body: `SELECT 1 AS id, 2 AS v, (SELECT sum(t.a)) AS w FROM ${t} AS t` },
    category: 'breaking',
  },
  {
    what: 'unnest at the end, which makes more rows',
    to: { columns: wider, body: X.body.replace('AS v', 'AS v, unnest([1, 2]) AS w') },
    category: 'breaking',
  },
  {
    what: 'a name that ORDER BY with LIMIT then means',
    from: { columns: 'id integer', body: `SELECT id FROM ${t} ORDER BY a, id LIMIT 3` },
    to: { columns: 'id integer, a integer', body: `SELECT id, -a AS a FROM ${t} ORDER BY a, id LIMIT 3` },
    category: 'breaking',
  },
  {
    what: 'the order of columns',
    to: { columns: 'v integer, id integer', body: X.body.replace('SELECT id, a + 1 AS v', 'SELECT a + 1 AS v, id') },
    category: 'breaking',
  },
  {
    what: 'a literal',
    to: { body: X.body.replace('a + 1', 'a + 2') },
    category: 'breaking',
    reasons: ['column v is made another way'],
  },
  {
    what: 'a literal that a JS number cannot tell from another',
    from: { body: `SELECT id, 9007199254740993 AS v FROM ${t}` },
    to: { body: `SELECT id, 9007199254740992 AS v FROM ${t}` },
    category: 'breaking',
  },
  {
    what: 'WHERE',
    to: { body: X.body.replace('a < 5', 'a < 6') },
    category: 'breaking',
    reasons: ['the set of rows is another: WHERE'],
  },
  {
    what: 'WHERE of a common table expression',
    to: { body: X.body.replace('b > 0', 'b > 1') },
    category: 'breaking',
    reasons: ['the set of rows is another: WITH q'],
  },
  {
    what: 'a join',
    to: {
      body: X.body
        .replace('FROM q', `FROM q JOIN ${t} AS s USING (id)`)
        .replace('a + 1', 'q.a + 1')
        .replace('WHERE a < 5', 'WHERE q.a < 5'),
    },
    category: 'breaking',
    reasons: ['the set of rows is another: FROM, WHERE'],
  },
  {
    what: 'the side of a join that a column comes from',
    from: { body: `SELECT l.id, l.a AS v FROM ${t} AS l JOIN ${t} AS r ON l.a = r.b` },
    to: { body: `SELECT l.id, r.a AS v FROM ${t} AS l JOIN ${t} AS r ON l.a = r.b` },
    category: 'breaking',
    reasons: ['column v is made another way'],
  },
  {
    what: 'the kind of a join',
    from: { body: `SELECT l.id, l.a AS v FROM ${t} AS l JOIN ${t} AS r ON l.a = r.b` },
    to: { body: `SELECT l.id, l.a AS v FROM ${t} AS l LEFT JOIN ${t} AS r ON l.a = r.b` },
    category: 'breaking',
    reasons: ['the set of rows is another: FROM'],
  },
  {
    what: 'a column that is gone',
    from: { columns: wider, body: X.body.replace('AS v', 'AS v, b AS w') },
    to: {},
    category: 'breaking',
    reasons: ['column w is gone'],
  },
  {
    what: 'a column of another type',
    to: { columns: 'id integer, v bigint' },
    category: 'breaking',
    reasons: ['column v is bigint, it was integer'],
  },
  {
    what: 'a column that may now be null',
    to: { columns: 'id integer, v integer null' },
    category: 'breaking',
    reasons: ['column v may now be null'],
  },
  {
    what: 'the natural key',
    to: { keys: '{natural: [id]}' },
    category: 'breaking',
    reasons: ['the natural key changed'],
  },
  { what: 'the kind', to: { kind: 'view' }, category: 'breaking', reasons: ['the kind changed'] },
  {
    what: 'the order of a window',
    from: { body: `SELECT id, row_number() OVER (ORDER BY a, id) AS v FROM ${t}` },
    to: { body: `SELECT id, row_number() OVER (ORDER BY b, id) AS v FROM ${t}` },
    category: 'breaking',
    reasons: ['column v is made another way'],
  },
  {
    what: 'a changed rule that is for new rows only',
    from: { kind: 'incremental_by_key', keys: '{natural: [id]}', more: 'forward_only: true\n' },
    to: {
      kind: 'incremental_by_key',
      keys: '{natural: [id]}',
      more: 'forward_only: true\n',
      body: X.body.replace('a + 1', 'a + 2'),
    },
    category: 'forward_only',
  },
];

describe('an edit', () => {
  it.each(EDITS)('$what: $category', async ({ from, to, category, reasons }) => {
    const found = await change({ ...X, ...from }, { ...X, ...to });
    expect(found?.category ?? 'nothing').toBe(category);
    if (found) expect(found.direct).toBe(true);
    for (const reason of reasons ?? []) expect(found?.reasons.join('\n')).toContain(reason);
    expect(found?.blocked === undefined).toBe(category !== 'breaking');
  });
});

describe('a plan is held up', () => {
  const broken: FileOf = { ...X, body: X.body.replace('a + 1', 'a + 2') };
  const added: FileOf = { ...X, columns: wider, body: X.body.replace('AS v', 'AS v, b AS w') };
  it('by a breaking change without a new version, with the way out', async () => {
    expect((await change(X, broken))?.blocked).toBe(
      'a breaking change of gold.x needs a new version: write x.v2.sql with deprecates: 1, or plan with --restate gold.x',
    );
  });
  it('not when the change is wanted as it is, has a new version, or the contract lets it pass', async () => {
    expect((await change(X, broken, { restate: new Set(['gold.x']) }))?.blocked).toBeUndefined();
    expect(await change(X, { ...broken, version: 2 })).toMatchObject({
      category: 'breaking',
      blocked: undefined,
      before: { version: 1 },
      after: { version: 2 },
    });
    const free = 'contract: {on_breaking: allow}\n';
    expect((await change({ ...X, more: free }, { ...broken, more: free }))?.blocked).toBeUndefined();
    const told = 'contract: {mode: warn}\n';
    expect((await change({ ...X, more: told }, { ...broken, more: told }))?.blocked).toBeUndefined();
    const keyed = { kind: 'incremental_by_key', keys: '{natural: [id]}' };
    const later = await change({ ...X, ...keyed }, { ...broken, ...keyed }, { forwardOnly: new Set(['gold.x']) });
    expect(later).toMatchObject({ category: 'forward_only', blocked: undefined });
  });
  it('by a change for new rows only that cannot hold, and by none that can: also not one that only adds', async () => {
    const keyed = { kind: 'incremental_by_key', keys: '{natural: [id]}', more: 'forward_only: true\n' };
    const [old, next] = [
      { ...X, ...keyed },
      { ...broken, ...keyed },
    ];
    const more = { ...added, ...keyed, columns: `${wider} null` };
    expect(await change(old, more)).toMatchObject({ category: 'forward_only', blocked: undefined });
    expect(await change(old, { ...next, version: 2 })).toMatchObject({ category: 'breaking', blocked: undefined });
    expect(await change(old, next, { restate: new Set(['gold.x']) })).toMatchObject({
      ...{ category: 'breaking', blocked: undefined },
    });
    const strict = { more: 'forward_only: true\ncontract: {on_additive: require_new_version}\n' };
    expect((await change({ ...old, ...strict }, { ...more, ...strict }))?.blocked).toMatch(/^an additive change/);
    const whole = await change(X, broken, { forwardOnly: new Set(['gold.x']) });
    expect(whole?.blocked).toMatch(/forward_only cannot hold .* a table of kind full is made whole each time; take/);
    const other = await change(old, { ...next, keys: '{natural: [v]}' });
    expect(other?.blocked).toMatch(
      /forward_only cannot hold .* the natural key changed; take forward_only away, write/,
    );
  });
  it('by an additive change where the contract says so', async () => {
    const strict = 'contract: {on_additive: require_new_version}\n';
    expect((await change({ ...X, more: strict }, { ...added, more: strict }))?.blocked).toMatch(/^an additive change/);
  });
});

describe('a table', () => {
  it('that is new, or gone, is told with its whole contract', async () => {
    const stored = await storedOf(X);
    expect(compare(undefined, stored)).toMatchObject({
      category: 'new',
      contract: { added: [{ name: 'id' }, { name: 'v' }] },
    });
    expect(compare(kept(stored), undefined)).toMatchObject({
      category: 'removed',
      reasons: ['sql/gold/x.v1.sql is gone'],
    });
    expect(compare(undefined, undefined)).toBeUndefined();
  });
  it('is shown as the difference of its file', async () => {
    const found = await change(X, { ...X, body: X.body.replace('a + 1', 'a + 2') });
    expect(found?.diff).toBe(
      [
        '--- sql/gold/x.v1.sql',
        '+++ sql/gold/x.v1.sql',
        '@@ -12,5 +12,5 @@',
        ' owner: somebody',
        ' */',
        ` WITH q AS (SELECT id, a, b FROM ${t} WHERE b > 0)`,
        '-SELECT id, a + 1 AS v FROM q WHERE a < 5',
        '+SELECT id, a + 2 AS v FROM q WHERE a < 5',
        ' ',
        '',
      ].join('\n'),
    );
  });
});
