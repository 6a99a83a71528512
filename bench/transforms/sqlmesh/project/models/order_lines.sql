MODEL (
  name silver.order_lines,
  kind INCREMENTAL_BY_TIME_RANGE (time_column sold_day, batch_size 2)
);
SELECT line_id::bigint, customer_id::int, country::text, quantity::int, round(quantity * unit_price, 2)::numeric AS amount,
  sold_at::timestamp, sold_at::date AS sold_day
FROM bronze.order_lines
WHERE quantity > 0 AND sold_at::date BETWEEN @start_date AND @end_date
