WITH named AS (
  SELECT product_code, product_name, line_type,
    concat(' ', trim(regexp_replace(upper(coalesce(product_name, '')), '[^A-Z0-9]+', ' ')), ' ') AS words
  FROM {{ref('silver.products')}}
), matched AS (
  SELECT named.product_code, min_by(rules.category, rules.priority) AS category
  FROM named
  JOIN {{seed('product_category_rules')}} AS rules ON contains(named.words, concat(' ', rules.words, ' '))
  WHERE named.line_type = 'product'
  GROUP BY named.product_code
)
SELECT
  {{key(named.product_code)}} AS product_key,
  named.product_code,
  named.product_name,
  CASE WHEN named.line_type = 'service' THEN 'Services' ELSE coalesce(matched.category, 'Other') END AS category,
  named.line_type
FROM named
LEFT JOIN matched ON matched.product_code = named.product_code
