import { spawn } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { listBuilds } from '../../src/store/state/index.js';
import { openPlace, type Place, root, sample } from '../engines/warehouse-and-lake.js';

let place: Place;
beforeAll(async () => {
  place = await openPlace();
  await place.ingest(sample);
});
afterAll(async () => {
  await place.close();
});

/** Runs a build in another process until the event comes; resolves to the signal that ended it. */
const killedAt = (event: string, model: string): Promise<string | null> =>
  new Promise((done, failed) => {
    const child = spawn(
      process.execPath,
      [join(root, 'test/faults/build-child.mjs'), place.url, place.lake, join(root, 'transforms'), event, model],
      { stdio: ['ignore', 'inherit', 'inherit'] },
    );
    child.on('error', failed);
    child.on('exit', (_code, signal) => done(signal));
  });

const HEAD = 'InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country';
/** What readers see: revenue and lines of the published facts, on both copies. */
const seen = async (): Promise<string[][][]> => {
  const publication = await place.publication();
  if (publication.revision === 0) return [];
  const sql = (table: string) => `SELECT sum(total_amount)::varchar AS s, count(*)::varchar AS n FROM ${table}`;
  return [await place.postgres(sql('gold.fact_sales')), await place.delta(publication, sql('{gold.fact_sales}'))];
};
/** Staged folders of every table, below the lake. */
const stagedFolders = (): string[] =>
  readdirSync(place.lake, { recursive: true, encoding: 'utf8' }).filter((path) =>
    /(silver|gold)\/.*\/d\/[^/]+$/.test(path),
  );

const isCommitted = (path: string): boolean => {
  const [table, build] = path.split('/d/');
  const log = join(place.lake, table ?? '', '_delta_log');
  return readdirSync(log)
    .filter((name) => name.endsWith('.json'))
    .some((name) => readFileSync(join(log, name), 'utf8').includes(`d/${build}/`));
};

const MOMENTS: readonly (readonly [string, string, string])[] = [
  ['after the first table is staged', 'transform.step', 'silver.order_lines'],
  ['after the facts are staged', 'transform.step', 'gold.fact_sales'],
  ['when the first Delta table is committed', 'transform.committed', '*'],
  ['when every Delta table is committed', 'transform.committed', 'gold.data_quality_metrics'],
  ['when the first table is copied', 'transform.copied', '*'],
  ['when all tables are copied', 'transform.copied', 'gold.data_quality_metrics'],
  ['right after the publication', 'transform.published', '*'],
];

describe('SIGKILL during a build', () => {
  it.each(MOMENTS)('%s: the next build ends in exact totals', async (_name, event, model) => {
    const moment = MOMENTS.findIndex((m) => m[1] === event && m[2] === model);
    const before = await seen();
    const base = (await place.publication()).revision;
    if (moment > 0) {
      const file = join(place.home, `day-${moment}.csv`);
      writeFileSync(
        file,
        `${HEAD}\n99000${moment},22423,REGENCY CAKESTAND 3 TIER,1,12/${13 + moment}/10 9:00,1.00,99001,France\n`,
      );
      await place.ingest(file);
    }
    expect(await killedAt(event, model)).toBe('SIGKILL');
    const wanted = [[`${475_412 + moment}.72`, String(27_896 + moment)]];
    expect(await seen()).toEqual(event === 'transform.published' ? [wanted, wanted] : before);

    const { publication } = await place.build();
    expect(await seen()).toEqual([wanted, wanted]);
    expect(publication.revision).toBe(base + 1);
    const [ended, killed] = await listBuilds(place.warehouse, 2);
    if (event === 'transform.published') expect(ended?.status).toBe('published');
    else expect([ended?.status, killed?.status]).toEqual(['published', 'abandoned']);
    // Nothing is left of what no commit names.
    expect(stagedFolders().filter((path) => !isCommitted(path))).toEqual([]);
    expect((await place.build()).published).toBe(false);
  });
});
