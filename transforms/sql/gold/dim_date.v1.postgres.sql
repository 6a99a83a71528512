WITH bounds AS (
  SELECT extract(year FROM min(invoice_date))::integer AS first_year, extract(year FROM max(invoice_date))::integer AS last_year
  FROM {{ref('silver.order_lines')}}
), days AS (
  SELECT each.day::date AS day
  FROM bounds
  CROSS JOIN LATERAL generate_series(
    make_date(first_year, 1, 1)::timestamp, make_date(last_year, 12, 31)::timestamp, INTERVAL '1 day') AS each(day)
), firsts AS (
  SELECT make_date(begin_year, 2, 1) AS first, extract(isodow FROM make_date(begin_year, 2, 1))::integer AS weekday
  FROM bounds
  CROSS JOIN LATERAL generate_series(first_year - 1, last_year) AS years(begin_year)
), retail_years AS (
  -- From 1 February back to its week's Monday when that is at most three days, else on to the next one.
  SELECT CASE WHEN weekday <= 4 THEN first - (weekday - 1) ELSE first + (8 - weekday) END AS begins FROM firsts
), placed AS (
  SELECT days.day, max(retail_years.begins) AS begins
  FROM days
  JOIN retail_years ON retail_years.begins <= days.day
  GROUP BY days.day
), weeks AS (
  SELECT day, extract(year FROM begins)::integer AS retail_year, (day - begins) / 7 + 1 AS retail_week
  FROM placed
), quarters AS (
  SELECT *, least((retail_week - 1) / 13, 3) AS quarter_index FROM weeks
)
SELECT
  to_char(day, 'YYYYMMDD')::integer AS date_key,
  day AS calendar_date,
  extract(year FROM day)::integer AS year,
  extract(quarter FROM day)::integer AS quarter,
  extract(month FROM day)::integer AS month,
  to_char(day, 'FMMonth') AS month_name,
  extract(isoyear FROM day)::integer AS iso_year,
  extract(week FROM day)::integer AS iso_week,
  extract(isodow FROM day)::integer AS day_of_week,
  to_char(day, 'FMDay') AS day_name,
  extract(isodow FROM day) >= 6 AS is_weekend,
  retail_year,
  quarter_index + 1 AS retail_quarter,
  quarter_index * 3 + CASE
    WHEN retail_week - quarter_index * 13 <= 4 THEN 1
    WHEN retail_week - quarter_index * 13 <= 8 THEN 2
    ELSE 3
  END AS retail_month,
  retail_week
FROM quarters
