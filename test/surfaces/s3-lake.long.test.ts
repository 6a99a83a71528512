import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { python, readForeign } from '../engines/delta-rs.js';
import { CREDENTIALS, hasS3, NO_S3, type S3Server, startS3 } from '../engines/s3-server.js';
import { assay, freshDir, root } from '../product.js';
import { plain } from './ask.js';
import { TOTALS } from './totals.js';

const ci = process.env['CI'] === 'true';
if (!hasS3 && !ci) process.stderr.write(`s3-lake is skipped: ${NO_S3}\n`);

// Each command is a process of its own, which starts the home's PostgreSQL.
describe.skipIf(!hasS3 && !ci)('a lake in a bucket', { timeout: 600_000 }, () => {
  let server: S3Server;
  let dir: string;
  let home: string;
  let lake: string;
  let env: Record<string, string>;
  const run = async (...args: readonly string[]) => {
    const told = await assay(home, args, env);
    expect([told.code, told.err]).toEqual([0, expect.any(String)]);
    return told.out;
  };
  /** The last line: commands on tables tell of their steps before it. */
  const json = async (...args: readonly string[]) =>
    JSON.parse((await run(...args, '--json')).trimEnd().split('\n').at(-1) ?? '') as never;
  beforeAll(async () => {
    server = await startS3();
    dir = freshDir('s3-lake');
    home = join(dir, 'home');
    lake = `s3://${await server.bucket()}/lake`;
    env = {
      ...{ ASSAY_LAKE: lake, ASSAY_S3_ENDPOINT: server.endpoint, ASSAY_RAW: 'lake', AWS_REGION: 'us-east-1' },
      ...{ AWS_ACCESS_KEY_ID: CREDENTIALS.accessKeyId, AWS_SECRET_ACCESS_KEY: CREDENTIALS.secretAccessKey },
      ...{ ASSAY_JWT_SECRET: 'j'.repeat(40), ASSAY_PSEUDONYM_KEY: 'p'.repeat(40) },
    };
    await run('ingest', join(root, 'data', 'online-retail-sample.csv'), '--source', 'online_retail');
    await run('build');
  }, 600_000);
  afterAll(async () => {
    await server?.stop();
    rmSync(dir, { recursive: true, force: true });
  });

  const totals = async () => {
    const measures = Object.keys(TOTALS).map((name) => `retail.${name}`);
    const answer: { rows: (string | number | null)[][]; provenance: { source: string } } = await json(
      'query',
      JSON.stringify({ measures, source: 'raw' }),
    );
    expect(answer.provenance.source).toBe('lake');
    expect(answer.rows[0]?.map((value) => plain(value === null ? null : String(value)))).toEqual(
      Object.values(TOTALS).map((value) => plain(value)),
    );
  };

  it('answers with the control totals, also from copies that must be fetched again', async () => {
    await totals();
    rmSync(join(home, 'lake-cache'), { recursive: true });
    await totals();
  });

  it('has nothing to do a second time, and loses nothing to gc', async () => {
    expect(await json('run')).toMatchObject({ status: 'unchanged' });
    await run('gc');
    await totals();
  });

  it('is listed, told and read by `assay lake`, and by delta-rs', async () => {
    const { tables }: { tables: { table: string; rows: number }[] } = await json('lake', 'ls', 'gold');
    const facts = tables.find(({ table }) => table.startsWith('gold/fact_sales/'));
    expect(facts?.rows).toBe(27_896);
    const at = `${lake}/${facts?.table}`;
    const shown: { version: number; rows: number; path: string } = await json('lake', 'show', at);
    expect(shown).toMatchObject({ rows: 27_896, path: at });
    const file = join(dir, 'rows.csv');
    expect(await json('lake', 'rows', at, '--format', 'csv', '--out', file)).toMatchObject({ rows: 27_896 });
    expect(readFileSync(file, 'utf8').split('\r\n')).toHaveLength(27_896 + 2);
    if (!python) return;
    const foreign = readForeign(at, ['sale_key'], undefined, undefined, {
      ...{ AWS_ENDPOINT_URL: server.endpoint, AWS_ALLOW_HTTP: 'true', AWS_REGION: 'us-east-1' },
      ...{ AWS_ACCESS_KEY_ID: CREDENTIALS.accessKeyId, AWS_SECRET_ACCESS_KEY: CREDENTIALS.secretAccessKey },
    });
    expect(foreign.rows).toHaveLength(27_896);
  });

  it('is laid out anew without readers seeing other rows, and vacuumed by what publications need', async () => {
    const before: { version: number; files: number } = await json('lake', 'show', 'gold.fact_sales');
    const done: { version: number; rows: number } = await json(
      'lake',
      'optimize',
      'gold.fact_sales',
      '--zorder',
      'customer_key',
    );
    expect(done).toMatchObject({ version: before.version + 1, rows: 27_896 });
    expect(await json('lake', 'show', 'gold.fact_sales')).toMatchObject({
      version: done.version,
      published: done.version,
    });
    await totals();
    expect(await json('lake', 'vacuum', 'gold.fact_sales', '--retain', '0h', '--force')).toMatchObject({ files: [] });
    expect(await json('rollback', 'prod')).toMatchObject({ status: expect.any(String) });
    await totals();
    const refused = await assay(home, ['lake', 'restore', 'gold.fact_sales', '--version', '1'], env);
    expect([refused.code, refused.err]).toEqual([1, expect.stringContaining('assay rollback prod')]);
  });

  it('is refused by name when the store is not there, without a secret', async () => {
    const told = await assay(home, ['lake', 'ls'], { ...env, ASSAY_S3_ENDPOINT: 'http://127.0.0.1:1' });
    expect(told.code).toBe(1);
    expect(told.err).toContain('is not reachable at http://127.0.0.1:1');
    expect(told.err + told.out).not.toContain(CREDENTIALS.secretAccessKey);
  });
});
