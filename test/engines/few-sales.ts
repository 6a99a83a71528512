import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { type Clone, type Clones, openClones } from './transform-clones.js';
import { sample } from './warehouse-and-lake.js';

export const TIME = `try_strptime(trim(InvoiceDate), ['%m/%d/%y %H:%M', '%m/%d/%Y %H:%M'])`;
const head = (name: string, kind: string, rest: string): string => `/* @transform
name: ${name}
version: 1
description: a table of this test
kind: ${kind}
role: ${name.includes('.dim_') ? 'dimension' : 'fact'}
targets: [delta, postgres]
owner: somebody
${rest}
*/
`;
export const SALES = 'gold/sales.v1.sql';
export const FILES: Readonly<Record<string, string>> = {
  'silver/lines.v1.sql': `${head(
    'silver.lines',
    'incremental_by_partition',
    `partition: {column: day, unit: day, sources: {bronze.online_retail: "${TIME}"}}
keys: {natural: [file, row]}
columns:
  - {name: file, type: string, nullable: false}
  - {name: row, type: bigint, nullable: false}
  - {name: day, type: date, nullable: false}
  - {name: sold_at, type: timestamp, nullable: false}
  - {name: customer, type: string, nullable: true}
  - {name: country, type: string, nullable: true}
  - {name: quantity, type: integer, nullable: false}`,
  )}SELECT _source_file AS file, _row_number::bigint AS row, ${TIME}::date AS day, ${TIME} AT TIME ZONE 'UTC' AS sold_at,
  nullif(CustomerID, '') AS customer, nullif(Country, '') AS country, Quantity::integer AS quantity
FROM {{source('bronze.online_retail')}}
WHERE ${TIME} AT TIME ZONE 'UTC' >= {{partition.start}} AND ${TIME} AT TIME ZONE 'UTC' < {{partition.end}}
`,
  'gold/dim_people.v1.sql': `${head(
    'gold.dim_people',
    'full',
    `keys: {natural: [customer], surrogate: person_key}
columns:
  - {name: person_key, type: bigint, nullable: false}
  - {name: customer, type: string, nullable: false}
  - {name: bought, type: bigint, nullable: false}`,
  )}SELECT {{key(customer)}} AS person_key, customer, sum(quantity)::bigint AS bought
FROM {{ref('silver.lines')}} WHERE customer IS NOT NULL GROUP BY customer
`,
  [SALES]: `${head(
    'gold.sales',
    'incremental_by_partition',
    `partition: {column: day, unit: day, inputs: {silver.lines: day}}
lookups: [{dimension: gold.dim_people, key: customer, as_of: sold_at, into: person_key}]
keys: {natural: [file, row]}
forward_only: true
columns:
  - {name: file, type: string, nullable: false}
  - {name: row, type: bigint, nullable: false}
  - {name: day, type: date, nullable: false}
  - {name: person_key, type: bigint, nullable: false}
  - {name: country, type: string, nullable: true}
  - {name: quantity, type: integer, nullable: false}
checks:
  - {type: not_null, columns: [quantity], severity: critical}`,
  )}SELECT l.file, l.row, l.day, coalesce(p.person_key, -1) AS person_key, l.country, l.quantity
FROM {{ref('silver.lines')}} AS l
LEFT JOIN {{ref('gold.dim_people')}} AS p ON p.customer = l.customer
WHERE l.day >= {{partition.start}} AND l.day < {{partition.end}}
`,
  'gold/days.v1.sql': `${head(
    'gold.days',
    'incremental_by_partition',
    `partition: {column: day, unit: day, inputs: {gold.sales: day}}
keys: {natural: [day]}
columns:
  - {name: day, type: date, nullable: false}
  - {name: quantity, type: bigint, nullable: false}`,
  )}SELECT day, sum(quantity)::bigint AS quantity FROM {{ref('gold.sales')}}
WHERE day >= {{partition.start}} AND day < {{partition.end}} GROUP BY day
`,
  'gold/totals.v1.sql': `${head(
    'gold.totals',
    'full',
    `keys: {natural: [country]}
columns:
  - {name: country, type: string, nullable: true}
  - {name: quantity, type: bigint, nullable: false}`,
  )}SELECT country, sum(quantity)::bigint AS quantity FROM {{ref('gold.sales')}} GROUP BY country
`,
  'gold/last_sold.v1.sql': `${head(
    'gold.last_sold',
    'incremental_by_key',
    `keys: {natural: [country]}
forward_only: true
columns:
  - {name: country, type: string, nullable: true}
  - {name: day, type: date, nullable: false}`,
  )}SELECT l.country, max(l.day) AS day FROM {{ref('silver.lines')}} AS l
WHERE l.day > coalesce((SELECT max(day) FROM {{this}}), DATE '2000-01-01') GROUP BY l.country
`,
  'gold/dim_countries.v1.sql': `${head(
    'gold.dim_countries',
    'scd2',
    `keys: {natural: [country]}
forward_only: true
scd2: {key: [country], track: [many], valid_from: valid_from, valid_to: valid_to, deletes: ignore}
columns:
  - {name: country, type: string, nullable: true}
  - {name: many, type: boolean, nullable: false}
  - {name: valid_from, type: timestamp, nullable: false}
  - {name: valid_to, type: timestamp, nullable: true}`,
  )}SELECT country, count(*) > 1000 AS many FROM {{ref('silver.lines')}} GROUP BY country
`,
};
/** Clones of a small project over the sample: a fact by day, a dimension that it looks up, and tables that read it. */
export interface FewSales extends Clones {
  /** Its transforms, not to be edited in place. */
  readonly dir: string;
  /** A copy of the project when all of it is made. */
  open(name: string): Promise<Clone>;
}

export const openFewSales = async (): Promise<FewSales> => {
  const clones = await openClones();
  const made = await clones.empty('made');
  await made.ingest(sample);
  const dir = join(made.lake, '..', 'transforms');
  for (const folder of ['sql/silver', 'sql/gold', 'seeds', 'tests']) mkdirSync(join(dir, folder), { recursive: true });
  for (const [file, text] of Object.entries(FILES)) writeFileSync(join(dir, 'sql', file), text);
  made.transforms = dir;
  expect((await made.run()).unmade).toEqual([]);
  await made.close();
  return {
    ...clones,
    dir,
    open: async (name) => {
      const place = await clones.copy('made', name);
      place.transforms = dir;
      return place;
    },
  };
};
