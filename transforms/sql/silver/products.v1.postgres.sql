SELECT
  product_code,
  (array_agg(product_name ORDER BY sold_at DESC, source_file COLLATE "C" DESC, source_row DESC)
    FILTER (WHERE trim(product_name) <> ''))[1] AS product_name,
  min(line_type COLLATE "C") AS line_type,
  min(sold_at) AS first_sold_at,
  max(sold_at) AS last_sold_at
FROM {{ref('silver.order_lines')}}
GROUP BY product_code
