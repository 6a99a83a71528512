WITH sold AS (
  SELECT product_code, invoice_date, sum(quantity) AS units
  FROM {{ref('silver.order_lines')}}
  WHERE line_type = 'product'
  GROUP BY product_code, invoice_date
), first_day AS (
  SELECT product_code, min(invoice_date) AS first_date FROM sold GROUP BY product_code
), last_day AS (
  SELECT max(invoice_date) AS last_date FROM {{ref('silver.order_lines')}}
), calendar AS (
  SELECT product_code, explode(sequence(first_date, last_date, INTERVAL 1 DAY)) AS snapshot_date
  FROM first_day CROSS JOIN last_day
)
SELECT
  calendar.product_code,
  calendar.snapshot_date,
  CAST(greatest(0, 200 + {{key(calendar.product_code)}} % 800 - sum(coalesce(sold.units, 0)) OVER (
    PARTITION BY calendar.product_code, date_trunc('week', calendar.snapshot_date)
    ORDER BY calendar.snapshot_date
  )) AS int) AS on_hand
FROM calendar
LEFT JOIN sold ON sold.product_code = calendar.product_code AND sold.invoice_date = calendar.snapshot_date
