import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openTable, relation } from '../../src/store/delta/index.js';
import { duckdb } from '../engines/parquet-engine.js';

interface Case {
  readonly case: string;
  readonly path: string;
  readonly rows: number | null;
  readonly version: number;
  readonly sparkResult: string;
}
const root = resolve(import.meta.dirname, 'delta');
const cases = (JSON.parse(readFileSync(join(root, 'expected/index.json'), 'utf8')) as readonly Case[]).filter(
  (c) => existsSync(join(root, c.path)) || c.sparkResult !== 'ok',
);
/** Features that this version refuses, by the name that the refusal gives. */
const REFUSED: Readonly<Record<string, string>> = {
  'data-reader-timestamp_ntz-id-mode': 'columnMapping',
  'data-reader-timestamp_ntz-name-mode': 'columnMapping',
  'data-skipping-basic-stats-all-types-columnmapping-id': 'columnMapping',
  'data-skipping-basic-stats-all-types-columnmapping-name': 'columnMapping',
  'dv-partitioned-with-checkpoint': 'deletionVectors',
  'dv-with-columnmapping': 'deletionVectors',
  'log-replay-dv-key-cases': 'deletionVectors',
  'spark-variant-checkpoint': 'variantType-preview',
  'table-with-columnmapping-mode-id': 'columnMapping',
  'table-with-columnmapping-mode-name': 'columnMapping',
  'table-with-icebegCompatV2Enabled': 'columnMapping',
  'type-widening': 'typeWidening-preview',
  'type-widening-nested': 'typeWidening-preview',
  'v2-checkpoint-json': 'v2Checkpoint',
  'v2-checkpoint-parquet': 'v2Checkpoint',
};

let engine: Awaited<ReturnType<typeof duckdb>>;
beforeAll(async () => {
  engine = await duckdb();
});
afterAll(() => engine.close());

const read = async (path: string) => {
  const snapshot = await openTable(join(root, path), engine);
  return snapshot && { version: snapshot.version, text: relation(snapshot) };
};

describe('tables that Spark wrote and reads', () => {
  it('are all here', () => {
    expect(cases.length).toBe(107);
  });
  it.each(cases.filter((c) => c.sparkResult === 'ok' && !(c.case in REFUSED)))('$case: equal', async (c) => {
    const found = await read(c.path);
    expect(found?.version).toBe(c.version);
    const theirs = `read_parquet('${join(root, 'expected', `${c.case}.parquet`)}')`;
    const types = (relation: string) =>
      engine.query(`SELECT column_name, column_type FROM (DESCRIBE FROM ${relation})`);
    expect(await types(found?.text ?? '')).toEqual(await types(theirs));
    const [counts] = await engine.query(
      `WITH ours AS (FROM ${found?.text}), theirs AS (FROM ${theirs})
       SELECT (SELECT count(*) FROM ours)::INTEGER AS "rows",
         (SELECT count(*) FROM (FROM ours EXCEPT ALL FROM theirs))::INTEGER AS added,
         (SELECT count(*) FROM (FROM theirs EXCEPT ALL FROM ours))::INTEGER AS lost`,
    );
    expect(counts).toEqual({ rows: c.rows, added: 0, lost: 0 });
  });
  it.each(cases.filter((c) => c.case in REFUSED))('$case: refused by name', async (c) => {
    await expect(read(c.path)).rejects.toMatchObject({
      code: 'delta-unsupported',
      parameters: { feature: REFUSED[c.case] },
    });
  });
});

describe('tables that Spark refuses', () => {
  it.each(cases.filter((c) => c.sparkResult !== 'ok'))('$case: refused, or no table', async (c) => {
    const outcome = await read(c.path)
      .then(async (found) => found && (await engine.query(`FROM ${found.text}`)))
      .catch((thrown: unknown) => (thrown as { code?: string }).code);
    // `engine-failed`: the log is sound and names files that are gone.
    expect(['delta-corrupt', 'delta-unsupported', 'engine-failed', undefined]).toContain(outcome);
  });
});
