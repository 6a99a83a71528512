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
  SELECT product_code, days.day::date AS snapshot_date
  FROM first_day CROSS JOIN last_day
  CROSS JOIN LATERAL generate_series(first_date::timestamp, last_date::timestamp, INTERVAL '1 day') AS days(day)
)
SELECT
  calendar.product_code,
  calendar.snapshot_date,
  greatest(0, 200 + {{key(calendar.product_code)}} % 800 - sum(coalesce(sold.units, 0)) OVER (
    PARTITION BY calendar.product_code, date_trunc('week', calendar.snapshot_date::timestamp)
    ORDER BY calendar.snapshot_date
  ))::integer AS on_hand
FROM calendar
LEFT JOIN sold ON sold.product_code = calendar.product_code AND sold.invoice_date = calendar.snapshot_date
