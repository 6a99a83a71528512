/* @transform
name: silver.order_lines
version: 1
description: >
  One row per distinct source line of the shop's orders, typed. A line whose eight source columns all equal another's was scanned
  twice and counts once; the first one seen is kept. Codes and names are kept byte for byte. Lines that break a rule are in
  silver.order_line_rejects, so that source lines = duplicates + order lines + rejects.
kind: incremental_by_partition
role: fact
partition:
  column: invoice_date
  unit: day
  sources: {bronze.online_retail: "try_strptime(trim(InvoiceDate), ['%m/%d/%y %H:%M', '%m/%d/%Y %H:%M', '%Y-%m-%d %H:%M:%S'])"}
keys: {natural: [invoice_no, product_code, product_name, quantity, sold_at, unit_price, customer_id, country], surrogate: order_line_key}
engine: {allow: [duckdb, spark]}
targets: [delta, postgres]
storage: {delta: {cluster_by: [sold_at, source_file, source_row]}, postgres: {indexes: [[customer_id], [product_code], [invoice_no]]}}
columns:
  - {name: order_line_key, type: bigint, nullable: false, description: "key of the eight source columns as text"}
  - {name: invoice_no, type: string, nullable: false}
  - {name: product_code, type: string, nullable: false}
  - {name: product_name, type: string, nullable: true, description: "as in the source; null when empty"}
  - {name: quantity, type: integer, nullable: false, unit: items, description: "negative on returns"}
  - {name: unit_price, type: "decimal(10,3)", nullable: false, unit: GBP}
  - {name: amount, type: "decimal(12,2)", nullable: false, unit: GBP, description: "round(quantity * unit_price, 2), half away from zero, per line"}
  - {name: sold_at, type: timestamp, nullable: false, description: "the source's clock time, taken as UTC"}
  - {name: invoice_date, type: date, nullable: false, description: "UTC date of sold_at"}
  - {name: customer_id, type: string, nullable: true, pii: pseudonymous}
  - {name: country, type: string, nullable: true}
  - {name: is_return, type: boolean, nullable: false, description: "the invoice number begins with C"}
  - {name: line_type, type: string, nullable: false, description: "product, or service (postage, fees, adjustments)"}
  - {name: source_file, type: string, nullable: false}
  - {name: source_row, type: bigint, nullable: false}
  - {name: batch_id, type: string, nullable: false}
  - {name: ingested_at, type: timestamp, nullable: false}
checks:
  - {type: unique, columns: [order_line_key], severity: critical}
  - {type: accepted_values, columns: [line_type], values: [product, service], severity: critical}
  - {type: expression, name: price_positive, columns: [unit_price], expression: "unit_price > 0", severity: critical}
  - {type: expression, name: sales_have_units, columns: [quantity], expression: "is_return OR quantity > 0", severity: critical}
  - {type: expression, name: amount_is_product, columns: [amount], expression: "amount = round(quantity::decimal(20,0) * unit_price, 2)", metric: consistency, severity: critical}
  - {type: not_null, columns: [customer_id], severity: warn, tolerance: 0.4}
  - {type: not_null, columns: [country], severity: error}
  - {type: not_null, columns: [product_name], severity: warn, tolerance: 0.05}
quality: {min_score: 95}
owner: sales-data
*/
WITH source AS (
  SELECT *,
    CASE WHEN regexp_full_match(trim(Quantity), '[+-]?[0-9]+') THEN try_cast(trim(Quantity) AS integer) END AS quantity_value,
    CASE WHEN regexp_full_match(trim(UnitPrice), '[+-]?([0-9]+([.][0-9]*)?|[.][0-9]+)')
          AND try_cast(trim(UnitPrice) AS decimal(10, 3)) = try_cast(trim(UnitPrice) AS decimal(38, 20))
         THEN try_cast(trim(UnitPrice) AS decimal(10, 3)) END AS price_value,
    try_strptime(trim(InvoiceDate), ['%m/%d/%y %H:%M', '%m/%d/%Y %H:%M', '%Y-%m-%d %H:%M:%S']) AT TIME ZONE 'UTC' AS sold_at_value
  FROM {{source('bronze.online_retail')}}
  WHERE sold_at_value >= {{partition.start}} AND sold_at_value < {{partition.end}}
  QUALIFY row_number() OVER (
    PARTITION BY InvoiceNo, StockCode, Description, Quantity, InvoiceDate, UnitPrice, CustomerID, Country
    ORDER BY _ingested_at, _source_file, _row_number
  ) = 1
)
SELECT
  {{key(InvoiceNo, StockCode, Description, Quantity, InvoiceDate, UnitPrice, CustomerID, Country)}} AS order_line_key,
  InvoiceNo AS invoice_no,
  StockCode AS product_code,
  nullif(Description, '') AS product_name,
  quantity_value AS quantity,
  price_value AS unit_price,
  try_cast(round(quantity_value::decimal(20, 0) * price_value, 2) AS decimal(12, 2)) AS amount,
  sold_at_value AS sold_at,
  (sold_at_value AT TIME ZONE 'UTC')::date AS invoice_date,
  nullif(CustomerID, '') AS customer_id,
  nullif(Country, '') AS country,
  starts_with(InvoiceNo, 'C') AS is_return,
  CASE WHEN regexp_full_match(StockCode, '[0-9]{5}[A-Za-z]*|DCGS[0-9]+') THEN 'product' ELSE 'service' END AS line_type,
  _source_file AS source_file,
  _row_number::bigint AS source_row,
  _batch_id AS batch_id,
  _ingested_at AS ingested_at
FROM source
WHERE InvoiceNo <> '' AND StockCode <> ''
  AND quantity_value IS NOT NULL AND price_value IS NOT NULL AND sold_at_value IS NOT NULL
  AND try_cast(round(quantity_value::decimal(20, 0) * price_value, 2) AS decimal(12, 2)) IS NOT NULL
  AND price_value > 0
  AND (quantity_value > 0 OR starts_with(InvoiceNo, 'C'))
