import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { freshDir, launch, startProduct } from '../product.js';
import { rest } from '../surfaces/ask.js';
import { TOTALS } from '../surfaces/totals.js';

/** What the log says when each station of the first load is reached; the process is killed right there. */
const MOMENTS: readonly [string, RegExp][] = [
  ['while the clusters start', /starting PostgreSQL/],
  ['before the first line is read', /loading the sample/],
  ['after bronze', /lines read/],
  ['after the first silver table', /transform\.step.*silver\.order_lines"/],
  ['in the middle of silver', /transform\.step.*silver\.(stock_levels|products)"/],
  ['after a dimension of gold', /transform\.step.*gold\.dim_customers"/],
  ['after the facts', /transform\.step.*gold\.fact_sales"/],
  ['right after the publication', /transform\.published/],
  ['after the first rollup partition', /rollup\.published/],
  ['when all is built, before it is ready', /rollups proven/],
];

describe('SIGKILL during the first load', () => {
  it.each(MOMENTS)('%s: the next start completes it, totals exact', async (_name, pattern) => {
    const dir = freshDir('kill');
    const home = join(dir, 'home');
    const { child, output } = launch({ home, env: { ASSAY_LOG: 'info' } });
    const ended = new Promise((done) => child.on('exit', done));
    await new Promise<void>((done, failed) => {
      const look = () => pattern.test(output()) && done();
      child.stdout?.on('data', look);
      child.stderr?.on('data', look);
      child.on('exit', (code) => failed(new Error(`ended with ${code} before ${pattern}:\n${output()}`)));
    });
    child.kill('SIGKILL');
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
