MODEL (
  name gold.fact_sales,
  kind INCREMENTAL_BY_TIME_RANGE (time_column sold_day, batch_size 2),
  grain line_id,
  audits (unique_values(columns := (line_id)), not_null(columns := (line_id, amount)), not_negative)
);
SELECT l.sold_day::date, l.line_id::bigint, l.customer_id::int, l.country::text, d.segment::text, l.amount::numeric
FROM silver.order_lines AS l
LEFT JOIN gold.dim_customer AS d
  ON d.customer_id = l.customer_id AND l.sold_at >= d.valid_from AND (d.valid_to IS NULL OR l.sold_at < d.valid_to)
WHERE l.sold_day BETWEEN @start_date AND @end_date
