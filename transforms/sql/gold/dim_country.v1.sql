/* @transform
name: gold.dim_country
version: 1
description: >
  Countries as the source spells them: the seed's 38 values and any other that the order lines hold. A value that the seed does not
  list has region 'Unknown'. Population is of the year and source given, for market penetration. Key -1 is the unknown country.
kind: full
role: dimension
keys: {natural: [country_name], surrogate: country_key}
engine: {allow: [duckdb, postgres, spark]}
targets: [delta, postgres]
storage: {delta: {cluster_by: [country_name]}, postgres: {indexes: [[country_name]]}}
columns:
  - {name: country_key, type: bigint, nullable: false}
  - {name: country_name, type: string, nullable: false}
  - {name: iso_code, type: string, nullable: true, description: "ISO 3166-1 alpha-2; null where the value is no country"}
  - {name: region, type: string, nullable: false}
  - {name: currency, type: string, nullable: true, description: "ISO 4217, in use in December 2010"}
  - {name: population, type: bigint, nullable: true, unit: people}
  - {name: population_year, type: integer, nullable: true}
  - {name: population_source, type: string, nullable: true}
checks:
  - {type: unique, columns: [country_key], severity: critical}
  - {type: unique, columns: [country_name], severity: critical}
  - type: sql
    name: countries_are_listed
    columns: [country_name]
    metric: validity
    severity: warn
    description: "values of the order lines that the seed lists"
    sql: >
      SELECT count(*) AS evaluated, count(*) FILTER (WHERE seed.country_name IS NULL) AS failed
      FROM (SELECT DISTINCT country FROM {{ref('silver.order_lines')}} WHERE country IS NOT NULL) AS seen
      LEFT JOIN {{seed('countries')}} AS seed ON seed.country_name = seen.country
quality: {min_score: 99}
owner: sales-data
*/
WITH names AS (
  SELECT country_name FROM {{seed('countries')}}
  UNION
  SELECT country FROM {{ref('silver.order_lines')}} WHERE country IS NOT NULL
)
SELECT
  {{key(names.country_name)}} AS country_key,
  names.country_name,
  seed.iso_code,
  coalesce(seed.region, 'Unknown') AS region,
  seed.currency,
  seed.population,
  seed.population_year,
  seed.population_source
FROM names
LEFT JOIN {{seed('countries')}} AS seed ON seed.country_name = names.country_name
UNION ALL
SELECT -1, '(unknown)', NULL, 'Unknown', NULL, NULL, NULL, NULL
