{{ config(schema='silver', materialized='incremental', incremental_strategy='delete+insert', unique_key='sold_day',
          on_schema_change='append_new_columns') }}
SELECT line_id, customer_id, country, quantity, round(quantity * unit_price, 2) AS amount, sold_at, sold_at::date AS sold_day
FROM {{ source('bronze', 'order_lines') }}
WHERE quantity > 0 AND {{ days('sold_at::date') }}
