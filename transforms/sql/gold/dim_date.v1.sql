/* @transform
name: gold.dim_date
version: 1
description: >
  Every day from 1 January of the first to 31 December of the last year of the order lines, with the ISO week and the retail
  calendar 4-4-5: a retail year begins on the Monday nearest to 1 February and is named by the calendar year of that Monday; a 53rd
  week belongs to its last month.
kind: full
role: dimension
keys: {natural: [calendar_date], surrogate: date_key}
engine: {allow: [duckdb, postgres, spark]}
targets: [delta, postgres]
storage: {delta: {cluster_by: [date_key]}}
columns:
  - {name: date_key, type: integer, nullable: false, description: "YYYYMMDD"}
  - {name: calendar_date, type: date, nullable: false}
  - {name: year, type: integer, nullable: false}
  - {name: quarter, type: integer, nullable: false}
  - {name: month, type: integer, nullable: false}
  - {name: month_name, type: string, nullable: false}
  - {name: iso_year, type: integer, nullable: false}
  - {name: iso_week, type: integer, nullable: false}
  - {name: day_of_week, type: integer, nullable: false, description: "1 is Monday"}
  - {name: day_name, type: string, nullable: false}
  - {name: is_weekend, type: boolean, nullable: false}
  - {name: retail_year, type: integer, nullable: false}
  - {name: retail_quarter, type: integer, nullable: false}
  - {name: retail_month, type: integer, nullable: false, description: "1 to 12; 1 begins about 1 February"}
  - {name: retail_week, type: integer, nullable: false, description: "1 to 53"}
checks:
  - {type: unique, columns: [date_key], severity: critical}
  - {type: unique, columns: [calendar_date], severity: critical}
  - {type: expression, name: retail_week_in_year, columns: [retail_week], expression: "retail_week BETWEEN 1 AND 53 AND retail_month BETWEEN 1 AND 12 AND retail_quarter BETWEEN 1 AND 4", severity: critical}
quality: {min_score: 99}
owner: sales-data
*/
WITH bounds AS (
  SELECT year(min(invoice_date)) AS first_year, year(max(invoice_date)) AS last_year
  FROM {{ref('silver.order_lines')}}
), days AS (
  SELECT unnest(generate_series(make_date(first_year, 1, 1), make_date(last_year, 12, 31), INTERVAL 1 DAY))::date AS day
  FROM bounds
), firsts AS (
  SELECT unnest(generate_series(first_year - 1, last_year)) AS begin_year FROM bounds
), retail_years AS (
  -- From 1 February back to its week's Monday when that is at most three days, else on to the next one.
  SELECT begin_year,
    CASE WHEN isodow(make_date(begin_year, 2, 1)) <= 4
      THEN make_date(begin_year, 2, 1) - (isodow(make_date(begin_year, 2, 1)) - 1)::integer
      ELSE make_date(begin_year, 2, 1) + (8 - isodow(make_date(begin_year, 2, 1)))::integer
    END AS begins
  FROM firsts
), placed AS (
  SELECT days.day, max(retail_years.begins) AS begins
  FROM days
  JOIN retail_years ON retail_years.begins <= days.day
  GROUP BY days.day
), weeks AS (
  SELECT day, year(begins)::integer AS retail_year, ((day - begins) // 7 + 1)::integer AS retail_week
  FROM placed
), quarters AS (
  SELECT *, least((retail_week - 1) // 13, 3)::integer AS quarter_index FROM weeks
)
SELECT
  strftime(day, '%Y%m%d')::integer AS date_key,
  day AS calendar_date,
  year(day)::integer AS year,
  quarter(day)::integer AS quarter,
  month(day)::integer AS month,
  strftime(day, '%B') AS month_name,
  isoyear(day)::integer AS iso_year,
  week(day)::integer AS iso_week,
  isodow(day)::integer AS day_of_week,
  strftime(day, '%A') AS day_name,
  isodow(day) >= 6 AS is_weekend,
  retail_year,
  quarter_index + 1 AS retail_quarter,
  (quarter_index * 3 + CASE
    WHEN retail_week - quarter_index * 13 <= 4 THEN 1
    WHEN retail_week - quarter_index * 13 <= 8 THEN 2
    ELSE 3
  END)::integer AS retail_month,
  retail_week
FROM quarters
