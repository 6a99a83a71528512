import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openPlace, type Place, root, sample } from './warehouse-and-lake.js';

let place: Place;
let transformsDir: string;
beforeAll(async () => {
  place = await openPlace();
  await place.ingest(sample);
  transformsDir = join(place.home, 'transforms');
  cpSync(join(root, 'transforms'), transformsDir, { recursive: true });
  const path = join(transformsDir, 'sql/gold/fact_sales.v1.sql');
  const shipped = readFileSync(path, 'utf8');
  const copied = shipped
    .replace('  - {name: sold_at,', '  - {name: customer_country, type: string, nullable: true}\n  - {name: sold_at,')
    .replace('  lines.sold_at\n', '  customers.country AS customer_country,\n  lines.sold_at\n');
  expect(copied.split('customer_country')).toHaveLength(3);
  writeFileSync(path, copied);
  expect((await place.build({ transformsDir })).unmade).toEqual([]);
});
afterAll(async () => {
  await place.close();
});

const STALE = `SELECT count(*) FROM gold.fact_sales f JOIN gold.dim_customers c USING (customer_key)
  WHERE f.customer_country IS DISTINCT FROM c.country AND c.customer_id IS NOT NULL`;

describe('an attribute that a fact copies from a dimension', () => {
  it('is followed when it changes under the same key', async () => {
    const of = "FROM gold.fact_sales f JOIN gold.dim_customers c USING (customer_key) WHERE c.customer_id = '17850'";
    expect(await place.postgres(STALE)).toEqual([['0']]);
    const [before] = await place.postgres(`SELECT count(*) AS n, count(DISTINCT date_key) AS days ${of}`);
    expect(Number(before?.[0])).toBeGreaterThan(100);
    // One more line of a customer, from another country: type 1, so every version of the customer says it from now on.
    const file = join(place.home, 'moved.csv');
    writeFileSync(
      file,
      `InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country
800500,22423,REGENCY CAKESTAND 3 TIER,1,12/13/10 20:00,12.75,17850,Norway
`,
    );
    await place.ingest(file);
    expect((await place.build({ transformsDir })).unmade).toEqual([]);
    expect(await place.postgres(STALE)).toEqual([['0']]);
    expect(await place.postgres(`SELECT DISTINCT customer_country ${of}`)).toEqual([['Norway']]);
    expect((await place.build({ transformsDir })).published).toBe(false);
  });
});
