WITH bounds AS (
  SELECT year(min(invoice_date)) AS first_year, year(max(invoice_date)) AS last_year
  FROM {{ref('silver.order_lines')}}
), days AS (
  SELECT explode(sequence(make_date(first_year, 1, 1), make_date(last_year, 12, 31), INTERVAL 1 DAY)) AS day
  FROM bounds
), firsts AS (
  SELECT first, extract(DAYOFWEEK_ISO FROM first) AS weekday
  FROM (
    SELECT make_date(begin_year, 2, 1) AS first
    FROM (SELECT explode(sequence(first_year - 1, last_year)) AS begin_year FROM bounds)
  )
), retail_years AS (
  -- From 1 February back to its week's Monday when that is at most three days, else on to the next one.
  SELECT CASE WHEN weekday <= 4 THEN date_sub(first, weekday - 1) ELSE date_add(first, 8 - weekday) END AS begins FROM firsts
), placed AS (
  SELECT days.day, max(retail_years.begins) AS begins
  FROM days
  JOIN retail_years ON retail_years.begins <= days.day
  GROUP BY days.day
), weeks AS (
  SELECT day, year(begins) AS retail_year, CAST(datediff(day, begins) div 7 + 1 AS int) AS retail_week
  FROM placed
), quarters AS (
  SELECT *, CAST(least((retail_week - 1) div 13, 3) AS int) AS quarter_index FROM weeks
)
SELECT
  CAST(date_format(day, 'yyyyMMdd') AS int) AS date_key,
  day AS calendar_date,
  year(day) AS year,
  quarter(day) AS quarter,
  month(day) AS month,
  date_format(day, 'MMMM') AS month_name,
  extract(YEAROFWEEK FROM day) AS iso_year,
  weekofyear(day) AS iso_week,
  extract(DAYOFWEEK_ISO FROM day) AS day_of_week,
  date_format(day, 'EEEE') AS day_name,
  extract(DAYOFWEEK_ISO FROM day) >= 6 AS is_weekend,
  retail_year,
  quarter_index + 1 AS retail_quarter,
  quarter_index * 3 + CASE
    WHEN retail_week - quarter_index * 13 <= 4 THEN 1
    WHEN retail_week - quarter_index * 13 <= 8 THEN 2
    ELSE 3
  END AS retail_month,
  retail_week
FROM quarters
