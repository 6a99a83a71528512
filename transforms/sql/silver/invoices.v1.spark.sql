SELECT
  invoice_no,
  bool_or(is_return) AS is_return,
  min(sold_at) AS invoiced_at,
  min_by(customer_id, struct(sold_at, source_file, source_row)) FILTER (WHERE customer_id IS NOT NULL) AS customer_id,
  min_by(country, struct(sold_at, source_file, source_row)) FILTER (WHERE country IS NOT NULL) AS country,
  count(*) AS lines,
  CAST(sum(amount) AS decimal(18, 2)) AS amount
FROM {{ref('silver.order_lines')}}
GROUP BY invoice_no
