import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { assay, cleanEnv, type Product, root, startProduct } from '../product.js';
import { rest } from './ask.js';

interface Line {
  readonly event?: string;
  readonly [field: string]: unknown;
}
const linesOf = (out: string): Line[] =>
  out
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Line);
const json = async (...args: string[]): Promise<{ code: number | null; lines: Line[]; err: string }> => {
  const { code, out, err } = await assay(product.home, [...args, '--json']);
  return { code, lines: linesOf(out), err };
};

/** A command that goes on beside the test. `until` waits for what it prints. */
const beside = (...args: string[]) => {
  const child: ChildProcess = spawn(process.execPath, [join(root, 'bin/assay.js'), ...args, '--json'], {
    env: cleanEnv(product.home),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let out = '';
  const looks = new Set<() => void>();
  const take = (chunk: Buffer): void => {
    out += chunk.toString();
    for (const look of looks) look();
  };
  child.stdout?.on('data', take);
  const ended = new Promise<number | null>((done) => child.on('close', (code) => done(code)));
  return {
    child,
    ended,
    out: () => out,
    until: (wanted: (lines: Line[]) => boolean) =>
      new Promise<void>((done, failed) => {
        const look = (): void => {
          if (!wanted(linesOf(out.slice(0, out.lastIndexOf('\n') + 1)))) return;
          looks.delete(look);
          done();
        };
        looks.add(look);
        void ended.then((code) => failed(new Error(`it ended with ${code}: ${out}`)));
        look();
      }),
  };
};

/** A file of one order on one day. */
const order = (day: number, invoice = `60${day}001`): string => {
  const path = join(mkdtempSync(join(tmpdir(), 'assay-cli-')), `${invoice}.csv`);
  writeFileSync(
    path,
    `InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n${invoice},22423,REGENCY CAKESTAND 3 TIER,10,12/${day}/10 9:00,10,17850,EIRE\n`,
  );
  return path;
};
const ingest = (file: string) => assay(product.home, ['ingest', file, '--source', 'online_retail']);
const ends = (lines: readonly Line[]): Line[] => lines.filter(({ event }) => event === 'end');
const revisionNow = async (): Promise<number> => {
  const { lines } = await json('environments');
  const [told] = lines as unknown as { environments: { name: string; revision: number }[] }[];
  return told?.environments.find(({ name }) => name === 'prod')?.revision ?? 0;
};

const lastRuns = async (): Promise<string[][]> => {
  const { lines } = await json('runs', '--limit', '2');
  const [told] = lines as unknown as { runs: { kind: string; status: string }[] }[];
  return (told?.runs ?? []).map(({ kind, status }) => [kind, status]);
};

let product: Product;
beforeAll(async () => {
  product = await startProduct();
});
afterAll(() => product?.remove());

describe('lines for orchestrators', () => {
  it('have no step where nothing is to be done, and one end', async () => {
    const { code, lines } = await json('run');
    expect([code, lines.filter(({ event }) => event === 'step')]).toEqual([0, []]);
    expect(ends(lines)).toEqual([expect.objectContaining({ status: 'unchanged', revision: 1, retry: [] })]);
    expect(lines.at(-1)?.event).toBe('end');
  });
  it('tell each partition of a run, and each table of a plan', async () => {
    await ingest(order(14));
    const planned = await json('plan');
    expect([planned.code, planned.lines.length]).toEqual([2, 1]);
    expect(planned.lines[0]).toMatchObject({ event: 'plan', status: 'changes', id: expect.stringMatching(/^\w{8}$/) });
    const { code, lines } = await json('apply', String(planned.lines[0]?.['id']));
    expect(code).toBe(0);
    const steps = lines.filter(({ event }) => event === 'step');
    expect(steps).toContainEqual(
      expect.objectContaining({ model: 'silver.order_lines', partition: '2010-12-14', status: 'made', rows: 1 }),
    );
    expect(steps.filter(({ model }) => model === 'gold.fact_sales')).toEqual([
      expect.objectContaining({ partition: '2010-12-14', status: 'made', rows: 1 }),
    ]);
    expect(ends(lines)).toEqual([expect.objectContaining({ status: 'published', revision: 2, retry: [] })]);
  });
  it('end with the reason where a run is refused', async () => {
    const { code, lines } = await json('apply', 'nosuchid');
    expect(code).toBe(1);
    expect(lines).toEqual([
      expect.objectContaining({
        event: 'end',
        status: 'failed',
        code: 'plan-unknown',
        retry: [],
        message: expect.stringContaining('nosuchid'),
      }),
    ]);
  });
  it('are there for every check of an audit', async () => {
    const { code, lines } = await json('audit', 'dim_country');
    expect(code).toBe(0);
    const checks = lines.filter(({ event }) => event === 'check');
    expect(checks).toContainEqual(
      expect.objectContaining({
        model: 'gold.dim_country',
        severity: 'critical',
        passed: true,
        failed: 0,
        evaluated: 39,
      }),
    );
    expect(lines.at(-1)).toMatchObject({ event: 'end', status: 'passed', refused: [] });
  });
});

describe('what is there', () => {
  it('is told by lineage, of a column and of a member of the model', async () => {
    const { lines } = await json('lineage', 'retail.average_order_value');
    const [told] = lines as unknown as { member: { columns: string[] }; columns: { table: string }[] }[];
    expect(told?.member.columns).toContain('gold.fact_sales.total_amount');
    const text = await assay(product.home, ['lineage', 'retail.net_revenue']);
    expect(text.out).toMatch(
      /worked out from gold\.fact_sales\.total_amount\n[\s\S]*silver\.order_lines\.amount[\s\S]*UnitPrice/,
    );
    const unknown = await json('lineage', 'retail.nothing');
    expect([unknown.code, JSON.stringify(unknown.lines)]).toEqual([2, expect.stringContaining('retail.net_revenue')]);
  });
  it('is told by environments, runs, failures, docs and status', async () => {
    expect(await lastRuns()).toEqual([
      ['audit', 'unchanged'],
      ['plan', 'published'],
    ]);
    const { lines: failures } = await json('failures', 'gold.fact_sales', '--limit', '1');
    expect(failures[0]).toMatchObject({ table: 'gold.fact_sales', failures: [{ check: 'known_customer' }] });
    const out = mkdtempSync(join(tmpdir(), 'assay-docs-'));
    expect((await json('docs', '--out', out)).lines).toEqual([{ out, files: 16 }]);
    expect(readFileSync(join(out, 'gold.fact_sales.md'), 'utf8')).toContain('[`silver.order_lines.amount`]');
    const told = JSON.parse((await assay(product.home, ['status', '--json'])).out) as Record<string, unknown>;
    expect(told).toMatchObject({ behind: [], held: null, rollback: [{ revision: 1 }] });
  });
});

describe('a run that is interrupted', () => {
  it('gives its partitions back; the next one takes what it had staged', async () => {
    const before = await revisionNow();
    await ingest(order(15));
    const run = beside('run');
    await run.until((lines) => lines.some(({ event, model }) => event === 'step' && model === 'silver.order_lines'));
    run.child.kill('SIGINT');
    expect(await run.ended).toBe(130);
    expect(linesOf(run.out()).at(-1)).toMatchObject({ event: 'end', status: 'cancelled', retry: [] });
    expect(await revisionNow()).toBe(before);
    // At once: nobody holds a lease any more.
    const { code, lines } = await json('run');
    expect(code).toBe(0);
    const made = (of: readonly Line[]) =>
      of.find(({ model, event }) => event === 'step' && model === 'silver.order_lines');
    // Taken over as it was staged, with the time that it took then.
    expect(made(lines)).toEqual(made(linesOf(run.out())));
    expect(made(lines)).toMatchObject({ partition: '2010-12-15', rows: 1 });
    expect(ends(lines)).toEqual([expect.objectContaining({ status: 'published', revision: before + 1 })]);
    expect(await lastRuns()).toEqual([
      ['run', 'published'],
      ['run', 'cancelled'],
    ]);
  });
});

describe('a watch', () => {
  it('runs, waits, runs again when a file came, and ends with 0 when it is told to', async () => {
    const before = await revisionNow();
    const watch = beside('run', '--watch', '1');
    await watch.until((lines) => ends(lines).length > 0);
    const [first] = ends(linesOf(watch.out()));
    expect(first).toMatchObject({ status: 'unchanged', revision: before });
    await ingest(order(16));
    await watch.until((lines) => ends(lines).some(({ status }) => status === 'published'));
    watch.child.kill('SIGTERM');
    expect(await watch.ended).toBe(0);
    const answer = await rest(product, 'admin', { measures: ['retail.orders'], source: 'raw' });
    expect(answer.rows).toEqual([['997']]); // 994 of the sample, and one each of three days
  });
});
