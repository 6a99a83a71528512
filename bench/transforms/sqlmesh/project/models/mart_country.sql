MODEL (
  name gold.mart_country,
  kind FULL,
  audits (unique_values(columns := (country)), not_null(columns := (country)))
);
SELECT country::text, count(*)::bigint AS lines, sum(amount)::numeric AS revenue FROM gold.fact_sales GROUP BY country
