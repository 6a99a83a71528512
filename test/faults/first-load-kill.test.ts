import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { freshDir, launch, startProduct } from '../product.js';
import { rest } from '../surfaces/ask.js';
import { TOTALS } from '../surfaces/totals.js';

/** What the log says when each station of the first load is reached; the process is killed right there. */
const step = (model: string) => new RegExp(`"model":"${model}".*"msg":"transform.step"`);
const MOMENTS: readonly [string, RegExp][] = [
  ['while the clusters start', /starting PostgreSQL/],
  ['before the first line is read', /loading the sample/],
  ['after bronze', /lines read/],
  ['after the first silver table', step('silver.order_lines')],
  ['after a dimension of gold', step('gold.dim_customers')],
  ['after the facts', step('gold.fact_sales')],
  ['after the first commit in the lake', /"msg":"transform.committed"/],
  ['in the middle of the copies to PostgreSQL', /"model":"gold.dim_date".*"msg":"transform.copied"/],
  ['right after the publication', /"msg":"transform.published"/],
  ['after the first rollup partition', /"msg":"rollup.published"/],
];

describe('SIGKILL during the first load', () => {
  it.each(MOMENTS)('%s: the next start completes it, totals exact', async (_name, pattern) => {
    const dir = freshDir('kill');
    const home = join(dir, 'home');
    const { child, output } = launch({ home, env: { ASSAY_LOG: 'debug' } });
    const ended = new Promise((done) => child.on('exit', done));
    await new Promise<void>((done, failed) => {
      const look = () => pattern.test(output()) && done();
      child.stdout?.on('data', look);
      child.stderr?.on('data', look);
      const early = () => failed(new Error(`did not come past ${pattern}:\n${output()}`));
      child.stdout?.on('data', () => /^ready/m.test(output()) && early());
      child.on('exit', early);
    }).finally(() => child.kill('SIGKILL'));
    await ended;
    const product = await startProduct({ home });
    try {
      const names = Object.keys(TOTALS);
      for (const source of ['raw', 'auto'] as const) {
        const told = await rest(product, 'admin', { measures: names.map((n) => `retail.${n}`), source });
        expect(Object.fromEntries(names.map((n, i) => [n, Number(told.rows[0]?.[i])]))).toEqual(
          Object.fromEntries(names.map((n) => [n, Number(TOTALS[n])])),
        );
      }
      expect(existsSync(join(home, 'demo.loading'))).toBe(false);
    } finally {
      await product.stop();
      rmSync(dir, { recursive: true, force: true });
    }
  });
});
