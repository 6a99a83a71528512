SELECT
  product_code,
  max_by(product_name, struct(sold_at, source_file, source_row)) FILTER (WHERE trim(product_name) <> '') AS product_name,
  min(line_type) AS line_type,
  min(sold_at) AS first_sold_at,
  max(sold_at) AS last_sold_at
FROM {{ref('silver.order_lines')}}
GROUP BY product_code
