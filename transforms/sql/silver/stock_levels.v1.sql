/* @transform
name: silver.stock_levels
version: 1
synthetic: true
description: >
  SYNTHETIC: the source has no stock. Generated from the sales by a fixed rule, for each product (no services) and each calendar day
  from its first line to the last day of the order lines: on_hand = greatest(0, 200 + product key % 800 - net units since the last
  Monday 00:00 UTC, at the close of the day). It looks only at the past, so a later file never changes a day that was published.
kind: full
role: fact
keys: {natural: [product_code, snapshot_date]}
engine: {allow: [duckdb, postgres, spark]}
targets: [delta, postgres]
storage: {delta: {cluster_by: [snapshot_date, product_code]}}
columns:
  - {name: product_code, type: string, nullable: false}
  - {name: snapshot_date, type: date, nullable: false}
  - {name: on_hand, type: integer, nullable: false, unit: items, description: "synthetic"}
checks:
  - {type: unique, columns: [product_code, snapshot_date], severity: critical}
  - {type: expression, name: not_negative, columns: [on_hand], expression: "on_hand >= 0", severity: critical}
quality: {min_score: 95}
owner: stock-data
*/
WITH sold AS (
  SELECT product_code, invoice_date, sum(quantity) AS units
  FROM {{ref('silver.order_lines')}}
  WHERE line_type = 'product'
  GROUP BY product_code, invoice_date
), first_day AS (
  SELECT product_code, min(invoice_date) AS first_date FROM sold GROUP BY product_code
), last_day AS (
  SELECT max(invoice_date) AS last_date FROM {{ref('silver.order_lines')}}
), calendar AS (
  SELECT product_code, unnest(generate_series(first_date, last_date, INTERVAL 1 DAY))::date AS snapshot_date
  FROM first_day CROSS JOIN last_day
)
SELECT
  calendar.product_code,
  calendar.snapshot_date,
  greatest(0, 200 + {{key(calendar.product_code)}} % 800 - sum(coalesce(sold.units, 0)) OVER (
    PARTITION BY calendar.product_code, date_trunc('week', calendar.snapshot_date)
    ORDER BY calendar.snapshot_date
  ))::integer AS on_hand
FROM calendar
LEFT JOIN sold ON sold.product_code = calendar.product_code AND sold.invoice_date = calendar.snapshot_date
