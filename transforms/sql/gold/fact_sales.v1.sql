/* @transform
name: gold.fact_sales
version: 1
description: >
  The sales fact: one row per silver order line, returns included with negative quantity and amount. Customers are looked up as of the
  time of sale; a line without a customer points at the unknown member (key -1). Amounts include service lines (postage, fees).
kind: incremental_by_partition
role: fact
lookups: [{dimension: gold.dim_customers, key: customer_id, as_of: sold_at, into: customer_key}]
partition: {column: date_key, unit: day, inputs: {silver.order_lines: invoice_date}}
keys: {natural: [sale_key], surrogate: sale_key}
engine: {allow: [duckdb, spark]}
targets: [delta, postgres]
storage: {delta: {cluster_by: [sold_at, sale_key]}, postgres: {indexes: [[customer_key], [product_key], [date_key], [invoice_key], [country_key]]}}
columns:
  - {name: sale_key, type: bigint, nullable: false}
  - {name: customer_key, type: bigint, nullable: false}
  - {name: product_key, type: bigint, nullable: false}
  - {name: date_key, type: integer, nullable: false, description: "YYYYMMDD of the UTC day"}
  - {name: invoice_key, type: bigint, nullable: false}
  - {name: country_key, type: bigint, nullable: false}
  - {name: quantity, type: integer, nullable: false, unit: items}
  - {name: unit_price, type: "decimal(10,3)", nullable: false, unit: GBP}
  - {name: total_amount, type: "decimal(12,2)", nullable: false, unit: GBP}
  - {name: is_return, type: boolean, nullable: false}
  - {name: sold_at, type: timestamp, nullable: false}
checks:
  - {type: unique, columns: [sale_key], severity: critical}
  - {type: relationship, columns: [customer_key], to: gold.dim_customers, field: customer_key, severity: critical}
  - {type: relationship, columns: [product_key], to: gold.dim_products, field: product_key, severity: critical}
  - {type: relationship, columns: [date_key], to: gold.dim_date, field: date_key, severity: critical}
  - {type: relationship, columns: [invoice_key], to: gold.dim_invoice, field: invoice_key, severity: critical}
  - {type: relationship, columns: [country_key], to: gold.dim_country, field: country_key, severity: critical}
  - type: sql
    name: same_lines_as_silver
    metric: volume
    severity: critical
    description: "each day has as many lines as silver has of it"
    sql: >
      SELECT date_key, sum(silver) AS evaluated, abs(sum(silver) - sum(fact)) AS failed
      FROM (SELECT strftime(invoice_date, '%Y%m%d')::integer AS date_key, 1 AS silver, 0 AS fact FROM {{ref('silver.order_lines')}}
          WHERE invoice_date >= {{partition.start}} AND invoice_date < {{partition.end}}
        UNION ALL
        SELECT date_key, 0, 1 FROM {{this}}
          WHERE date_key >= strftime({{partition.start}}, '%Y%m%d')::integer AND date_key < strftime({{partition.end}}, '%Y%m%d')::integer)
      GROUP BY date_key
  - type: sql
    name: same_revenue_as_silver
    metric: consistency
    severity: critical
    description: "each day amounts to what silver has of it"
    sql: >
      SELECT date_key, 1 AS evaluated, CASE WHEN sum(silver) = sum(fact) THEN 0 ELSE 1 END AS failed
      FROM (SELECT strftime(invoice_date, '%Y%m%d')::integer AS date_key, amount AS silver, 0 AS fact FROM {{ref('silver.order_lines')}}
          WHERE invoice_date >= {{partition.start}} AND invoice_date < {{partition.end}}
        UNION ALL
        SELECT date_key, 0, total_amount FROM {{this}}
          WHERE date_key >= strftime({{partition.start}}, '%Y%m%d')::integer AND date_key < strftime({{partition.end}}, '%Y%m%d')::integer)
      GROUP BY date_key
  - type: sql
    name: known_customers_are_found
    metric: validity
    severity: critical
    description: "each day only lines without a customer point at the unknown one"
    sql: >
      SELECT date_key, sum(silver) AS evaluated, abs(sum(silver) - sum(fact)) AS failed
      FROM (SELECT strftime(invoice_date, '%Y%m%d')::integer AS date_key, (customer_id IS NULL)::integer AS silver, 0 AS fact
          FROM {{ref('silver.order_lines')}} WHERE invoice_date >= {{partition.start}} AND invoice_date < {{partition.end}}
        UNION ALL
        SELECT date_key, 0, (customer_key = -1)::integer FROM {{this}}
          WHERE date_key >= strftime({{partition.start}}, '%Y%m%d')::integer AND date_key < strftime({{partition.end}}, '%Y%m%d')::integer)
      GROUP BY date_key
  - {type: expression, name: sign_follows_return, columns: [total_amount, quantity], expression: "CASE WHEN is_return THEN true ELSE quantity > 0 AND total_amount >= 0 END", metric: consistency, severity: error}
  - {type: expression, name: known_customer, columns: [customer_key], expression: "customer_key <> -1", metric: completeness, severity: warn, tolerance: 0.4}
# A day all of whose customers are unknown scores 97.4; one with a broken rule at most 94.9.
quality: {min_score: 97}
owner: sales-data
*/
SELECT
  lines.order_line_key AS sale_key,
  coalesce(customers.customer_key, -1) AS customer_key,
  {{key(lines.product_code)}} AS product_key,
  strftime(lines.invoice_date, '%Y%m%d')::integer AS date_key,
  {{key(lines.invoice_no)}} AS invoice_key,
  CASE WHEN lines.country IS NULL THEN -1 ELSE {{key(lines.country)}} END AS country_key,
  lines.quantity,
  lines.unit_price,
  lines.amount AS total_amount,
  lines.is_return,
  lines.sold_at
FROM {{ref('silver.order_lines')}} AS lines
LEFT JOIN {{ref('gold.dim_customers')}} AS customers
  ON customers.customer_id = lines.customer_id
  AND lines.sold_at >= customers.effective_date
  AND lines.sold_at < coalesce(customers.expiry_date, 'infinity'::timestamptz)
WHERE lines.invoice_date >= {{partition.start}} AND lines.invoice_date < {{partition.end}}
