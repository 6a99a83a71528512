WITH texts AS (
  SELECT *,
    regexp_replace(Quantity, '^\\p{Zs}+|\\p{Zs}+\\z', '') AS quantity_text,
    regexp_replace(UnitPrice, '^\\p{Zs}+|\\p{Zs}+\\z', '') AS price_text,
    regexp_replace(InvoiceDate, '^\\p{Zs}+|\\p{Zs}+\\z', '') AS date_text
  FROM {{source('bronze.online_retail')}}
), typed AS (
  SELECT *,
    CASE WHEN quantity_text RLIKE '^[+-]?[0-9]+\\z' THEN try_cast(quantity_text AS int) END AS quantity_value,
    CASE WHEN price_text RLIKE '^[+-]?([0-9]+([.][0-9]*)?|[.][0-9]+)\\z'
          AND try_cast(price_text AS decimal(10, 3)) = try_cast(price_text AS decimal(38, 20))
         THEN try_cast(price_text AS decimal(10, 3)) END AS price_value,
    CASE
      WHEN date_text RLIKE '^[0-9]{1,2}/[0-9]{1,2}/[0-9]{2} [0-9]{1,2}:[0-9]{1,2}\\z' THEN try_make_timestamp(
        -- Two digits are 1969 to 2068, as strptime has it.
        CAST(split(date_text, '[/ :]')[2] AS int) + CASE WHEN CAST(split(date_text, '[/ :]')[2] AS int) < 69 THEN 2000 ELSE 1900 END,
        CAST(split(date_text, '[/ :]')[0] AS int), CAST(split(date_text, '[/ :]')[1] AS int),
        CAST(split(date_text, '[/ :]')[3] AS int), CAST(split(date_text, '[/ :]')[4] AS int), 0)
      WHEN date_text RLIKE '^[0-9]{1,2}/[0-9]{1,2}/[0-9]{4} [0-9]{1,2}:[0-9]{1,2}\\z' THEN try_make_timestamp(
        CAST(split(date_text, '[/ :]')[2] AS int), CAST(split(date_text, '[/ :]')[0] AS int), CAST(split(date_text, '[/ :]')[1] AS int),
        CAST(split(date_text, '[/ :]')[3] AS int), CAST(split(date_text, '[/ :]')[4] AS int), 0)
      WHEN date_text RLIKE '^[0-9]{4}-[0-9]{1,2}-[0-9]{1,2} [0-9]{1,2}:[0-9]{1,2}:[0-9]{1,2}\\z' THEN try_make_timestamp(
        CAST(split(date_text, '[- :]')[0] AS int), CAST(split(date_text, '[- :]')[1] AS int), CAST(split(date_text, '[- :]')[2] AS int),
        CAST(split(date_text, '[- :]')[3] AS int), CAST(split(date_text, '[- :]')[4] AS int), CAST(split(date_text, '[- :]')[5] AS int))
    END AS sold_at_value
  FROM texts
), numbered AS (
  SELECT *, row_number() OVER (
    PARTITION BY InvoiceNo, StockCode, Description, Quantity, InvoiceDate, UnitPrice, CustomerID, Country
    ORDER BY _ingested_at, _source_file, _row_number
  ) AS number
  FROM typed
  WHERE sold_at_value >= {{partition.start}} AND sold_at_value < {{partition.end}}
)
SELECT
  {{key(InvoiceNo, StockCode, Description, Quantity, InvoiceDate, UnitPrice, CustomerID, Country)}} AS order_line_key,
  InvoiceNo AS invoice_no,
  StockCode AS product_code,
  nullif(Description, '') AS product_name,
  quantity_value AS quantity,
  price_value AS unit_price,
  try_cast(round(CAST(quantity_value AS decimal(20, 0)) * price_value, 2) AS decimal(12, 2)) AS amount,
  sold_at_value AS sold_at,
  CAST(sold_at_value AS date) AS invoice_date,
  nullif(CustomerID, '') AS customer_id,
  nullif(Country, '') AS country,
  startswith(InvoiceNo, 'C') AS is_return,
  CASE WHEN StockCode RLIKE '^([0-9]{5}[A-Za-z]*|DCGS[0-9]+)\\z' THEN 'product' ELSE 'service' END AS line_type,
  _source_file AS source_file,
  CAST(_row_number AS bigint) AS source_row,
  _batch_id AS batch_id,
  _ingested_at AS ingested_at
FROM numbered
WHERE number = 1
  AND InvoiceNo <> '' AND StockCode <> ''
  AND quantity_value IS NOT NULL AND price_value IS NOT NULL AND sold_at_value IS NOT NULL
  AND try_cast(round(CAST(quantity_value AS decimal(20, 0)) * price_value, 2) AS decimal(12, 2)) IS NOT NULL
  AND price_value > 0
  AND (quantity_value > 0 OR startswith(InvoiceNo, 'C'))
