/* @transform
name: silver.order_lines
version: 1
description: Order lines of the source, typed, by the day of sale.
kind: incremental_by_partition
role: fact
partition:
  column: sold_day
  unit: day
  max_batch: 2
  sources: {bronze.online_retail: "CASE WHEN StockCode = 'LINE' THEN try_strptime(InvoiceDate, '%Y-%m-%d %H:%M:%S') END"}
keys: {natural: [line_id]}
targets: [delta, postgres]
columns:
  - {name: line_id, type: bigint, nullable: false}
  - {name: customer_id, type: integer, nullable: false}
  - {name: country, type: string, nullable: false}
  - {name: quantity, type: integer, nullable: false}
  - {name: amount, type: "decimal(18,2)", nullable: false}
  - {name: sold_at, type: timestamp, nullable: false}
  - {name: sold_day, type: date, nullable: false}
checks:
  - {type: unique, columns: [line_id], severity: critical}
owner: compare
*/
SELECT
  InvoiceNo::bigint AS line_id,
  CustomerID::integer AS customer_id,
  Country AS country,
  Quantity::integer AS quantity,
  round(Quantity::integer * UnitPrice::decimal(10, 2), 2)::decimal(18, 2) AS amount,
  strptime(InvoiceDate, '%Y-%m-%d %H:%M:%S') AT TIME ZONE 'UTC' AS sold_at,
  strptime(InvoiceDate, '%Y-%m-%d %H:%M:%S')::date AS sold_day
FROM {{source('bronze.online_retail')}}
WHERE StockCode = 'LINE' AND Quantity::integer > 0
  AND strptime(InvoiceDate, '%Y-%m-%d %H:%M:%S') AT TIME ZONE 'UTC' >= {{partition.start}}
  AND strptime(InvoiceDate, '%Y-%m-%d %H:%M:%S') AT TIME ZONE 'UTC' < {{partition.end}}
