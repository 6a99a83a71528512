{{ config(schema='gold', materialized='table') }}
SELECT country, count(*) AS lines, sum(amount)::numeric(18, 2) AS revenue FROM {{ ref('fact_sales') }} GROUP BY country
