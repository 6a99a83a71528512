/* @transform
name: gold.fact_sales
version: 1
description: Sales with the customer's segment at the time of sale.
kind: incremental_by_partition
role: fact
lookups: [{dimension: gold.dim_customer, key: customer_id, as_of: sold_at, into: customer_key}]
partition: {column: sold_day, unit: day, max_batch: 2, inputs: {silver.order_lines: sold_day}}
keys: {natural: [line_id]}
targets: [delta, postgres]
columns:
  - {name: sold_day, type: date, nullable: false}
  - {name: line_id, type: bigint, nullable: false}
  - {name: customer_id, type: integer, nullable: false}
  - {name: customer_key, type: bigint, nullable: false}
  - {name: country, type: string, nullable: false}
  - {name: segment, type: string, nullable: true}
  - {name: amount, type: "decimal(18,2)", nullable: false}
checks:
  - {type: unique, columns: [line_id], severity: critical}
  - {type: expression, name: not_negative, columns: [amount], expression: "amount >= 0", severity: critical}
owner: compare
*/
SELECT
  l.sold_day,
  l.line_id,
  l.customer_id,
  coalesce(d.customer_key, -1) AS customer_key,
  l.country,
  d.segment,
  l.amount
FROM {{ref('silver.order_lines')}} AS l
LEFT JOIN {{ref('gold.dim_customer')}} AS d
  ON d.customer_id = l.customer_id AND l.sold_at >= d.valid_from AND l.sold_at < coalesce(d.valid_to, 'infinity'::timestamptz)
WHERE l.sold_day >= {{partition.start}} AND l.sold_day < {{partition.end}}
