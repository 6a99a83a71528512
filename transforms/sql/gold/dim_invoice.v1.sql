/* @transform
name: gold.dim_invoice
version: 1
description: One row per invoice; invoiced_at is the earliest date of its lines.
kind: full
role: dimension
keys: {natural: [invoice_no], surrogate: invoice_key}
engine: {allow: [duckdb, postgres, spark]}
targets: [delta, postgres]
storage: {delta: {cluster_by: [invoice_no]}, postgres: {indexes: [[invoice_no]]}}
columns:
  - {name: invoice_key, type: bigint, nullable: false}
  - {name: invoice_no, type: string, nullable: false}
  - {name: is_return, type: boolean, nullable: false}
  - {name: invoiced_at, type: timestamp, nullable: false}
checks:
  - {type: unique, columns: [invoice_key], severity: critical}
  - {type: unique, columns: [invoice_no], severity: critical}
quality: {min_score: 99}
owner: sales-data
*/
SELECT
  {{key(invoice_no)}} AS invoice_key,
  invoice_no,
  is_return,
  invoiced_at
FROM {{ref('silver.invoices')}}
