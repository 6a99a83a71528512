/* @transform
name: gold.dim_products
version: 1
description: >
  Products and services that were sold. The category comes from the word list product_category_rules: the first rule by priority
  whose words stand in the name as whole words. Services are 'Services'; a product that no rule fits is 'Other'.
kind: full
role: dimension
keys: {natural: [product_code], surrogate: product_key}
engine: {allow: [duckdb, postgres, spark]}
targets: [delta, postgres]
storage: {delta: {cluster_by: [product_code]}, postgres: {indexes: [[product_code]]}}
columns:
  - {name: product_key, type: bigint, nullable: false}
  - {name: product_code, type: string, nullable: false}
  - {name: product_name, type: string, nullable: true}
  - {name: category, type: string, nullable: false}
  - {name: line_type, type: string, nullable: false}
checks:
  - {type: unique, columns: [product_key], severity: critical}
  - {type: unique, columns: [product_code], severity: critical}
  - {type: accepted_values, columns: [line_type], values: [product, service], severity: critical}
  - {type: expression, name: has_category, columns: [category], expression: "category <> 'Other'", metric: completeness, severity: warn, tolerance: 0.15}
quality: {min_score: 99}
owner: catalogue-data
*/
WITH named AS (
  SELECT product_code, product_name, line_type,
    ' ' || trim(regexp_replace(upper(coalesce(product_name, '')), '[^A-Z0-9]+', ' ', 'g')) || ' ' AS words
  FROM {{ref('silver.products')}}
), matched AS (
  SELECT named.product_code, arg_min(rules.category, rules.priority) AS category
  FROM named
  JOIN {{seed('product_category_rules')}} AS rules ON contains(named.words, ' ' || rules.words || ' ')
  WHERE named.line_type = 'product'
  GROUP BY named.product_code
)
SELECT
  {{key(named.product_code)}} AS product_key,
  named.product_code,
  named.product_name,
  CASE WHEN named.line_type = 'service' THEN 'Services' ELSE coalesce(matched.category, 'Other') END AS category,
  named.line_type
FROM named
LEFT JOIN matched ON matched.product_code = named.product_code
