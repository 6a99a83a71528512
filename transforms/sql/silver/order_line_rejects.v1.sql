/* @transform
name: silver.order_line_rejects
version: 1
description: >
  Distinct source lines that break a rule, kept out of sales with the reason. reason is the first rule that fails (unparsable
  first, then price, then quantity); reasons holds all of them, comma-separated in the same order. The source columns are text, as
  they came.
kind: full
role: fact
keys: {natural: [invoice_no, product_code, product_name, quantity, invoiced_at, unit_price, customer_id, country], surrogate: order_line_key}
engine: {allow: [duckdb, spark]}
targets: [delta, postgres]
storage: {delta: {cluster_by: [source_file, source_row]}}
columns:
  - {name: order_line_key, type: bigint, nullable: false, description: "key of the eight source columns as text"}
  - {name: reason, type: string, nullable: false}
  - {name: reasons, type: string, nullable: false}
  - {name: invoice_no, type: string, nullable: true}
  - {name: product_code, type: string, nullable: true}
  - {name: product_name, type: string, nullable: true}
  - {name: quantity, type: string, nullable: true}
  - {name: invoiced_at, type: string, nullable: true}
  - {name: unit_price, type: string, nullable: true}
  - {name: customer_id, type: string, nullable: true, pii: pseudonymous}
  - {name: country, type: string, nullable: true}
  - {name: source_file, type: string, nullable: false}
  - {name: source_row, type: bigint, nullable: false}
  - {name: batch_id, type: string, nullable: false}
  - {name: ingested_at, type: timestamp, nullable: false}
checks:
  - {type: unique, columns: [order_line_key], severity: critical}
  - type: accepted_values
    columns: [reason]
    values: [unparsable_quantity, unparsable_price, unparsable_date, missing_key, amount_too_large, non_positive_price, negative_quantity]
    severity: critical
  - type: sql
    name: lines_add_up
    metric: consistency
    severity: critical
    description: "bronze = duplicates + order_lines + rejects"
    sql: >
      SELECT (SELECT count(*) FROM {{source('bronze.online_retail')}}) AS evaluated,
        abs((SELECT count(*) FROM {{source('bronze.online_retail')}})
          - (SELECT coalesce(sum(n - 1), 0) FROM (SELECT count(*) AS n FROM {{source('bronze.online_retail')}}
              GROUP BY InvoiceNo, StockCode, Description, Quantity, InvoiceDate, UnitPrice, CustomerID, Country))
          - (SELECT count(*) FROM {{ref('silver.order_lines')}})
          - (SELECT count(*) FROM {{this}})) AS failed
  - type: sql
    name: share_of_lines
    metric: validity
    severity: warn
    tolerance: 0.02
    description: "rejects among all source lines"
    sql: "SELECT (SELECT count(*) FROM {{source('bronze.online_retail')}}) AS evaluated, (SELECT count(*) FROM {{this}}) AS failed"
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
  QUALIFY row_number() OVER (
    PARTITION BY InvoiceNo, StockCode, Description, Quantity, InvoiceDate, UnitPrice, CustomerID, Country
    ORDER BY _ingested_at, _source_file, _row_number
  ) = 1
), judged AS (
  SELECT *,
    list_filter([
      CASE WHEN quantity_value IS NULL THEN 'unparsable_quantity' END,
      CASE WHEN price_value IS NULL THEN 'unparsable_price' END,
      CASE WHEN sold_at_value IS NULL THEN 'unparsable_date' END,
      CASE WHEN coalesce(InvoiceNo, '') = '' OR coalesce(StockCode, '') = '' THEN 'missing_key' END,
      CASE WHEN quantity_value IS NOT NULL AND price_value IS NOT NULL
            AND try_cast(round(quantity_value::decimal(20, 0) * price_value, 2) AS decimal(12, 2)) IS NULL THEN 'amount_too_large' END,
      CASE WHEN price_value <= 0 THEN 'non_positive_price' END,
      CASE WHEN quantity_value <= 0 AND NOT starts_with(coalesce(InvoiceNo, ''), 'C') THEN 'negative_quantity' END
    ], lambda r: r IS NOT NULL) AS why
  FROM source
)
SELECT
  {{key(InvoiceNo, StockCode, Description, Quantity, InvoiceDate, UnitPrice, CustomerID, Country)}} AS order_line_key,
  why[1] AS reason,
  array_to_string(why, ',') AS reasons,
  InvoiceNo AS invoice_no,
  StockCode AS product_code,
  Description AS product_name,
  Quantity AS quantity,
  InvoiceDate AS invoiced_at,
  UnitPrice AS unit_price,
  CustomerID AS customer_id,
  Country AS country,
  _source_file AS source_file,
  _row_number::bigint AS source_row,
  _batch_id AS batch_id,
  _ingested_at AS ingested_at
FROM judged
WHERE len(why) > 0
