SELECT
  {{key(product_code, snapshot_date)}} AS stock_key,
  {{key(product_code)}} AS product_key,
  to_char(snapshot_date, 'YYYYMMDD')::integer AS date_key,
  snapshot_date,
  on_hand
FROM {{ref('silver.stock_levels')}}
