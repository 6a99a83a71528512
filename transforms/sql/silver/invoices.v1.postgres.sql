SELECT
  invoice_no,
  bool_or(is_return) AS is_return,
  min(sold_at) AS invoiced_at,
  (array_agg(customer_id ORDER BY sold_at, source_file COLLATE "C", source_row) FILTER (WHERE customer_id IS NOT NULL))[1] AS customer_id,
  (array_agg(country ORDER BY sold_at, source_file COLLATE "C", source_row) FILTER (WHERE country IS NOT NULL))[1] AS country,
  count(*) AS lines,
  sum(amount)::decimal(18, 2) AS amount
FROM {{ref('silver.order_lines')}}
GROUP BY invoice_no
