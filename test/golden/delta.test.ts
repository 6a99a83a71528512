import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openTable, relation } from '../../src/store/delta/index.js';
import { duckdb } from '../engines/parquet-engine.js';

interface Case {
  readonly case: string;
  readonly path: string;
  readonly rows: number | null;
  readonly schema: string | null;
  readonly version: number | null;
  readonly sparkResult: string;
  readonly expected: string | null;
  readonly contentSha256?: string;
  readonly versions?: readonly { readonly version: number; readonly rows?: number; readonly errorClass?: string }[];
}
const root = resolve(import.meta.dirname, 'delta');
const cases = JSON.parse(readFileSync(join(root, 'expected/index.json'), 'utf8')) as readonly Case[];

/** Features that a reader must name when it refuses the table; Spark reads these. */
const REFUSED: Readonly<Record<string, string>> = {
  'spark-variant-checkpoint': 'variantType-preview',
  'type-widening': 'typeWidening-preview',
  'type-widening-nested': 'typeWidening-preview',
};
const NO_COLUMNS = { code: 'delta-unsupported', message: /a schema without columns/ };
const NO_FILE = { code: 'engine-failed', message: /duckdb/ };
/** What Spark cannot read either, and what we say of it; undefined: that there is no table. */
const NO_TABLE: Readonly<Record<string, { readonly code: string; readonly message: RegExp } | undefined>> = {
  'canonicalized-paths-normal-a': NO_COLUMNS,
  'canonicalized-paths-normal-b': NO_COLUMNS,
  'canonicalized-paths-special-a': NO_COLUMNS,
  'canonicalized-paths-special-b': NO_COLUMNS,
  checkpoint: NO_FILE,
  'corrupted-last-checkpoint': NO_COLUMNS,
  'data-reader-absolute-paths-escaped-chars': { code: 'delta-corrupt', message: /0{20}\.json is damaged/ },
  'delete-re-add-same-file-different-transactions': NO_FILE,
  'deltalog-commit-info': NO_COLUMNS,
  'deltalog-invalid-protocol-version': { code: 'delta-unsupported', message: /reader version 99/ },
  'deltalog-state-reconstruction-from-checkpoint-missing-metadata': {
    code: 'delta-corrupt',
    message: /0{18}10\.checkpoint\.parquet is damaged: no metaData action/,
  },
  'deltalog-state-reconstruction-from-checkpoint-missing-protocol': {
    code: 'delta-corrupt',
    message: /0{18}10\.checkpoint\.parquet is damaged: no protocol action/,
  },
  'deltalog-state-reconstruction-without-metadata': { code: 'delta-corrupt', message: /no metaData action/ },
  'deltalog-state-reconstruction-without-protocol': { code: 'delta-corrupt', message: /no protocol action/ },
  'log-replay-special-characters-b': NO_FILE,
  'log-store-listFrom': undefined,
  'log-store-read': undefined,
  'no-delta-log-folder': undefined,
  'update-deleted-directory': NO_COLUMNS,
  'versions-not-contiguous': { code: 'delta-corrupt', message: /0{19}1\.json is damaged: it is missing/ },
};
const read = cases.filter((c) => c.sparkResult === 'ok' && !(c.case in REFUSED));
const named = cases.filter((c) => c.case in REFUSED);
const broken = cases.filter((c) => c.sparkResult !== 'ok');
const travels = read.flatMap((c) => (c.versions ?? []).map((v) => ({ ...v, case: c.case, path: c.path })));

const outcomes = { 'read equal': 0, 'refused as expected': 0, 'versions as expected': 0 };
let engine: Awaited<ReturnType<typeof duckdb>>;
beforeAll(async () => {
  engine = await duckdb();
});
afterAll(async () => {
  await engine.close();
  const right = Object.entries(outcomes).map(([what, count]) => `${what}: ${count}`);
  const failed = cases.length + travels.length - Object.values(outcomes).reduce((a, b) => a + b, 0);
  process.stdout.write(`Delta golden tables, ${cases.length} cases: ${right.join(', ')}, failed: ${failed}\n`);
});

const open = async (path: string, version?: number) => {
  const snapshot = await openTable(join(root, path), engine, version);
  return snapshot && { version: snapshot.version, text: relation(snapshot) };
};
const countOf = async (text: string) => (await engine.query(`SELECT count(*)::INTEGER AS n FROM ${text}`))[0]?.['n'];
const typesOf = (text: string) => engine.query(`SELECT column_name, column_type FROM (DESCRIBE FROM ${text})`);

/** A row as the index hashes it: numbers as they are, decimals as text. */
const hashOf = async (text: string): Promise<string> => {
  const values = (await typesOf(text)).map(({ column_name: name, column_type: type }) =>
    String(type).startsWith('DECIMAL') ? `"${String(name)}"::VARCHAR` : `"${String(name)}"`,
  );
  const rows = await engine.query(
    `SELECT string_agg(l, '' ORDER BY l) AS part FROM (SELECT l, row_number() OVER (ORDER BY l) // 10000 AS g FROM
       (SELECT json_array(${values.join(', ')})::VARCHAR || chr(10) AS l FROM ${text})) GROUP BY g ORDER BY g`,
  );
  const hash = createHash('sha256');
  for (const { part } of rows) hash.update(String(part));
  return hash.digest('hex');
};

describe('tables that Spark wrote and reads', () => {
  it('are all here', () => {
    expect([cases.length, read.length, named.length, broken.length]).toEqual([110, 87, 3, 20]);
  });
  it.each(read)('$case: equal', async (c) => {
    const found = await open(c.path);
    const ours = found?.text ?? '';
    expect(found?.version).toBe(c.version);
    if (c.contentSha256) {
      const types = (await typesOf(ours)).map((t) => `${String(t['column_name'])}:${String(t['column_type'])}`);
      expect(`struct<${types.join(',').toLowerCase().replaceAll('integer', 'int')}>`).toBe(c.schema);
      expect(await countOf(ours)).toBe(c.rows);
      expect(await hashOf(ours)).toBe(c.contentSha256);
    } else {
      const theirs = `read_parquet('${join(root, 'expected', c.expected ?? '')}')`;
      expect(await typesOf(ours)).toEqual(await typesOf(theirs));
      const [counts] = await engine.query(
        `WITH ours AS (FROM ${ours}), theirs AS (FROM ${theirs})
         SELECT (SELECT count(*) FROM ours)::INTEGER AS "rows",
           (SELECT count(*) FROM (FROM ours EXCEPT ALL FROM theirs))::INTEGER AS added,
           (SELECT count(*) FROM (FROM theirs EXCEPT ALL FROM ours))::INTEGER AS lost`,
      );
      expect(counts).toEqual({ rows: c.rows, added: 0, lost: 0 });
    }
    outcomes['read equal'] += 1;
  });
  it.each(named)('$case: refused by name', async (c) => {
    await expect(open(c.path)).rejects.toMatchObject({
      code: 'delta-unsupported',
      parameters: { feature: REFUSED[c.case] },
    });
    outcomes['refused as expected'] += 1;
  });
  it.each(travels)('$case at version $version', async (c) => {
    const count = open(c.path, c.version).then((found) => countOf(found?.text ?? ''));
    // The one reason in the index: the version is there, and its files are not any more.
    if (c.rows === undefined) await expect(count).rejects.toMatchObject({ code: 'engine-failed' });
    else expect(await count).toBe(c.rows);
    outcomes['versions as expected'] += 1;
  });
});

describe('tables that Spark refuses', () => {
  it.each(broken)('$case: refused, or no table', async (c) => {
    const wanted = NO_TABLE[c.case];
    expect(c.case in NO_TABLE).toBe(true);
    const rows = open(c.path).then((found) => found && countOf(found.text));
    if (!wanted) expect(await rows).toBeUndefined();
    else
      await expect(rows).rejects.toMatchObject({ code: wanted.code, message: expect.stringMatching(wanted.message) });
    outcomes['refused as expected'] += 1;
  });
});
