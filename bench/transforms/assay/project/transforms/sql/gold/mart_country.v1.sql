/* @transform
name: gold.mart_country
version: 1
description: Sales by country.
kind: full
role: fact
keys: {natural: [country]}
targets: [delta, postgres]
columns:
  - {name: country, type: string, nullable: false}
  - {name: lines, type: bigint, nullable: false}
  - {name: revenue, type: "decimal(18,2)", nullable: false}
checks:
  - {type: unique, columns: [country], severity: critical}
owner: compare
*/
SELECT country, count(*) AS lines, sum(amount)::decimal(18, 2) AS revenue FROM {{ref('gold.fact_sales')}} GROUP BY country
