SELECT
  lines.order_line_key AS sale_key,
  coalesce(customers.customer_key, -1) AS customer_key,
  {{key(lines.product_code)}} AS product_key,
  CAST(date_format(lines.invoice_date, 'yyyyMMdd') AS int) AS date_key,
  {{key(lines.invoice_no)}} AS invoice_key,
  CASE WHEN lines.country IS NULL THEN -1 ELSE {{key(lines.country)}} END AS country_key,
  lines.quantity,
  lines.unit_price,
  lines.amount AS total_amount,
  lines.is_return,
  lines.sold_at
FROM {{ref('silver.order_lines')}} AS lines
LEFT JOIN {{ref('gold.dim_customers')}} AS customers
  ON customers.customer_id = lines.customer_id
  AND lines.sold_at >= customers.effective_date
  AND (customers.expiry_date IS NULL OR lines.sold_at < customers.expiry_date)
WHERE lines.invoice_date >= {{partition.start}} AND lines.invoice_date < {{partition.end}}
