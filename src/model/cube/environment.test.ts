import { resolve } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { settleCubeEnvironment } from '../../config/index.js';
import { loadModel } from './index.js';

const HOSTILE = {
  CUBEJS_TESSERACT_SQL_PLANNER: 'true',
  CUBEJS_TRANSPILATION_NATIVE: 'true',
  CUBEJS_DB_TYPE: 'mysql',
  CUBEJS_DEV_MODE: 'true',
  CUBEJS_ALLOW_UNGROUPED_WITHOUT_PRIMARY_KEY: 'false',
  CUBEJS_CONVERT_TZ_FOR_RAW_TIME_DIMENSION: 'true',
  CUBEJS_DB_QUERY_DEFAULT_LIMIT: '7',
  CUBEJS_ACCESS_POLICY_MASK_STRING: 'masked',
  CUBEJS_REFRESH_KEY_LOCAL_TIME: 'true',
  CUBEJS_COMPILER_CACHE_SIZE: '0',
  REDIS_URL: 'redis://elsewhere',
};
const before = { ...process.env };
beforeAll(() => void Object.assign(process.env, HOSTILE));
afterAll(() => {
  for (const name of Object.keys(HOSTILE)) delete process.env[name];
  Object.assign(process.env, before);
});

it('settings of another Cube in the environment change no statement', async () => {
  const { legs } = await loadModel(resolve(import.meta.dirname, '../../../model'));
  const { sql } = legs.compile(
    {
      measures: ['retail.net_revenue'],
      dimensions: ['retail.sold_at'],
      time: [{ dimension: 'retail.sold_at', granularity: 'day' }],
      segments: [],
      where: [],
      having: [],
      order: [],
      timezone: 'Asia/Tokyo',
    },
    'postgres',
  );
  expect(sql.replace(/\s+/g, ' ').trim()).toBe(
    `SELECT "sales".sold_at "c0", date_trunc('day', ("sales".sold_at AT TIME ZONE 'Asia/Tokyo'))::date "c1", sum("sales".total_amount) "c2" FROM "@gold.fact_sales" AS "sales" GROUP BY 1, 2`,
  );
  for (const name of Object.keys(HOSTILE))
    expect(process.env[name]).toBe(name === 'CUBEJS_TESSERACT_SQL_PLANNER' ? 'false' : undefined);
});
it('leaves every other name alone', () => {
  const environment = { PATH: '/bin', CUBEJS_X: '1', REDIS_URL: 'r', ASSAY_REDIS_URL: 'a' };
  settleCubeEnvironment(environment);
  expect(Object.keys(environment).sort()).toEqual([
    'ASSAY_REDIS_URL',
    'CUBEJS_TELEMETRY',
    'CUBEJS_TESSERACT_SQL_PLANNER',
    'PATH',
  ]);
});
