/* @transform
name: silver.invoices
version: 1
description: One row per invoice with accepted lines. invoiced_at is the earliest date of its lines.
kind: full
role: dimension
keys: {natural: [invoice_no]}
engine: {allow: [duckdb, postgres, spark]}
targets: [delta, postgres]
storage: {delta: {cluster_by: [invoice_no]}}
columns:
  - {name: invoice_no, type: string, nullable: false}
  - {name: is_return, type: boolean, nullable: false}
  - {name: invoiced_at, type: timestamp, nullable: false}
  - {name: customer_id, type: string, nullable: true, pii: pseudonymous}
  - {name: country, type: string, nullable: true}
  - {name: lines, type: bigint, nullable: false}
  - {name: amount, type: "decimal(18,2)", nullable: false, unit: GBP}
checks:
  - {type: unique, columns: [invoice_no], severity: critical}
  - type: sql
    name: one_customer_per_invoice
    metric: consistency
    severity: warn
    sql: >
      SELECT count(*) AS evaluated, count(*) FILTER (WHERE n > 1) AS failed
      FROM (SELECT count(DISTINCT coalesce(customer_id, '')) AS n FROM {{ref('silver.order_lines')}} GROUP BY invoice_no)
quality: {min_score: 95}
owner: sales-data
*/
SELECT
  invoice_no,
  bool_or(is_return) AS is_return,
  min(sold_at) AS invoiced_at,
  arg_min(customer_id, (sold_at, source_file, source_row)) AS customer_id,
  arg_min(country, (sold_at, source_file, source_row)) AS country,
  count(*) AS lines,
  sum(amount)::decimal(18, 2) AS amount
FROM {{ref('silver.order_lines')}}
GROUP BY invoice_no
