/* @transform
name: silver.customer_changes
version: 1
description: What is known of customers; of two changes that hold from the same time, the one that came last.
kind: full
role: dimension
keys: {natural: [customer_id, updated_at]}
targets: [delta, postgres]
columns:
  - {name: customer_id, type: integer, nullable: false}
  - {name: segment, type: string, nullable: false}
  - {name: updated_at, type: timestamp, nullable: false}
owner: compare
*/
SELECT
  CustomerID::integer AS customer_id,
  Description AS segment,
  strptime(InvoiceDate, '%Y-%m-%d %H:%M:%S') AT TIME ZONE 'UTC' AS updated_at
FROM {{source('bronze.online_retail')}}
WHERE StockCode = 'CUSTOMER'
QUALIFY row_number() OVER (PARTITION BY CustomerID, InvoiceDate ORDER BY InvoiceNo DESC) = 1
