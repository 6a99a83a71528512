{{ config(schema='gold', materialized='incremental', incremental_strategy='delete+insert', unique_key='sold_day',
          on_schema_change='append_new_columns') }}
SELECT l.sold_day, l.line_id, l.customer_id, l.country, d.segment, l.amount::numeric(18, 2) AS amount
FROM (SELECT * FROM {{ ref('order_lines') }}) AS l
LEFT JOIN {{ ref('dim_customer') }} AS d
  ON d.customer_id = l.customer_id AND l.sold_at >= d.dbt_valid_from AND (d.dbt_valid_to IS NULL OR l.sold_at < d.dbt_valid_to)
WHERE {{ days('l.sold_day') }}
