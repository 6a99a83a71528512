import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openPlace, type Place, sample } from './warehouse-and-lake.js';

let place: Place;
beforeAll(async () => {
  place = await openPlace();
  await place.ingest(sample);
  expect((await place.build()).unmade).toEqual([]);
});
afterAll(async () => {
  await place.close();
});

it('a lake that was moved is followed by readers, though nothing is made', async () => {
  const lake = join(place.home, 'moved');
  cpSync(place.lake, lake, { recursive: true });
  rmSync(place.lake, { recursive: true });
  const { published, publication } = await place.build({ lake });
  expect(published).toBe(false);
  expect(publication.tables.get('gold.fact_sales')?.lake?.path.startsWith(`${lake}/`)).toBe(true);
  const rows = await place.delta(publication, 'SELECT sum(total_amount)::varchar AS s FROM {gold.fact_sales}');
  expect(rows).toEqual([['475412.72']]);
});
