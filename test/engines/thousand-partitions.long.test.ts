import { afterAll, beforeAll, expect, it } from 'vitest';
import { plan, planStatus, run } from '../../src/build/transform/index.js';
import { putBronze, transformsOf } from './small-transforms.js';
import { openPlace, type Place } from './warehouse-and-lake.js';

const DAYS = 1000;
const TABLES = 12;

const nameOf = (at: number): string => (at === 0 ? 'silver.events' : `gold.step${at}`);
/** Twelve tables by day, each reading the one before it. */
const fileOf = (at: number): string => `/* @transform
name: ${nameOf(at)}
version: 1
description: one of twelve
kind: incremental_by_partition
role: fact
partition: {column: day, unit: day, ${at === 0 ? 'sources: {bronze.events: "day"}' : `inputs: {${nameOf(at - 1)}: day}`}}
keys: {natural: [id]}
targets: [delta]
columns:
  - {name: id, type: bigint, nullable: false}
  - {name: day, type: date, nullable: false}
checks:
  - {type: unique, columns: [id], severity: critical}
owner: somebody
*/
SELECT id, day FROM ${at === 0 ? "{{source('bronze.events')}}" : `{{ref('${nameOf(at - 1)}')}}`}
WHERE day >= {{partition.start}} AND day < {{partition.end}}
`;

let place: Place;
beforeAll(async () => {
  place = await openPlace();
  await putBronze(
    place,
    'events',
    [
      { name: 'id', type: { kind: 'bigint' } },
      { name: 'day', type: { kind: 'date' } },
    ],
    `SELECT i::bigint AS id, (DATE '2020-01-01' + (i // 3)::integer)::date AS day FROM range(${3 * DAYS}) AS t(i)`,
  );
});
afterAll(() => place.close());

/** Seconds of the processors that this process took for some work, the least of five times: others on the machine do not count. */
const leastOf = async (work: () => Promise<unknown>): Promise<number> => {
  let least = Number.POSITIVE_INFINITY;
  for (let round = 0; round < 5; round++) {
    const before = process.cpuUsage();
    await work();
    const { user, system } = process.cpuUsage(before);
    least = Math.min(least, (user + system) / 1e6);
  }
  return least;
};

it('a plan of twelve tables of a thousand partitions, and a run with nothing new, take less than two seconds', async () => {
  const files = Array.from(
    { length: TABLES },
    (_, at) => [`${nameOf(at).replace('.', '/')}.v1.sql`, fileOf(at)] as const,
  );
  const parts = place.parts({ transformsDir: transformsOf(place, 'twelve', Object.fromEntries(files)) });
  expect((await run(parts, 'prod')).unmade).toEqual([]);
  expect(
    await place.postgres("SELECT count(*) AS n, sum(row_count) AS r FROM assay.interval WHERE status = 'published'"),
  ).toEqual([[String(TABLES * DAYS), String(TABLES * DAYS * 3)]]);
  const planned = await leastOf(async () =>
    expect(planStatus(await plan(parts, { environment: 'prod' }))).toBe('none'),
  );
  const idle = await leastOf(async () => expect((await run(parts, 'prod')).status).toBe('unchanged'));
  console.info(`plan ${planned.toFixed(2)} s, run with nothing new ${idle.toFixed(2)} s of this process' CPU`);
  expect(planned).toBeLessThan(2);
  expect(idle).toBeLessThan(2);
});
