/* @transform
name: gold.dim_customers
version: 1
description: >
  Customers as type 2 history: a version holds [effective_date, expiry_date) in UTC and a change of segment or tier opens the next.
  The state at the close of day D is effective from the next midnight, so no sale is classified by itself or by what came after it.
  Version 1 begins at the customer's first line. Country is the last seen on every version (type 1). Key -1 is the unknown customer.
kind: scd2
role: dimension
keys: {natural: [customer_id, effective_date], surrogate: customer_key}
scd2: {key: customer_id, track: [customer_segment, value_tier], valid_from: effective_date, valid_to: expiry_date, current: is_current, version: version_number, history: true}
engine: {allow: [duckdb, spark]}
targets: [delta, postgres]
storage: {delta: {cluster_by: [customer_id, version_number]}, postgres: {indexes: [[customer_id, effective_date]]}}
columns:
  - {name: customer_key, type: bigint, nullable: false}
  - {name: customer_id, type: string, nullable: true, pii: pseudonymous, description: "null for the unknown customer only"}
  - {name: customer_pseudonym, type: string, nullable: true, pii: pseudonymous, description: "keyed hash of the id in the letters g to z; null for the unknown customer"}
  - {name: country, type: string, nullable: true}
  - {name: customer_segment, type: string, nullable: false}
  - {name: value_tier, type: string, nullable: false}
  - {name: effective_date, type: timestamp, nullable: false}
  - {name: expiry_date, type: timestamp, nullable: true, description: "null on the current version"}
  - {name: is_current, type: boolean, nullable: false}
  - {name: version_number, type: integer, nullable: false}
checks:
  - {type: unique, columns: [customer_key], severity: critical}
  - {type: accepted_values, columns: [customer_segment], values: [returns only, new, champions, loyal, at risk, lost, regular, unknown], severity: critical}
  - {type: accepted_values, columns: [value_tier], values: [bronze, silver, gold, platinum, unknown], severity: critical}
  - type: sql
    name: every_customer_is_here
    metric: completeness
    severity: critical
    sql: >
      SELECT (SELECT count(*) FROM {{ref('silver.customers')}}) AS evaluated,
        (SELECT count(*) FROM {{ref('silver.customers')}} AS c WHERE NOT EXISTS
          (SELECT 1 FROM {{this}} AS d WHERE d.customer_id = c.customer_id AND d.is_current)) AS failed
quality: {min_score: 99}
owner: sales-data
*/
WITH lines AS (
  SELECT customer_id, invoice_no, invoice_date AS day, sold_at, amount, is_return
  FROM {{ref('silver.order_lines')}}
  WHERE customer_id IS NOT NULL
), first_lines AS (
  SELECT customer_id, min(sold_at) AS first_at, min(day) AS first_day
  FROM lines
  GROUP BY customer_id
), beginnings AS (
  -- What is known at the very first line: an order, or only a return.
  SELECT first_lines.customer_id, first_at, bool_or(NOT is_return) AS has_order
  FROM first_lines
  JOIN lines ON lines.customer_id = first_lines.customer_id AND lines.sold_at = first_lines.first_at
  GROUP BY first_lines.customer_id, first_at
), order_days AS (
  -- An invoice counts once, on the day of its first line.
  SELECT customer_id, day, count(*) AS orders
  FROM (SELECT customer_id, invoice_no, min(day) AS day FROM lines WHERE NOT is_return GROUP BY customer_id, invoice_no)
  GROUP BY customer_id, day
), line_days AS (
  SELECT customer_id, day, sum(amount) AS amount, max(day) FILTER (WHERE NOT is_return) AS order_day
  FROM lines
  GROUP BY customer_id, day
), calendar AS (
  SELECT customer_id,
    unnest(generate_series(first_day, (SELECT max(invoice_date) FROM {{ref('silver.order_lines')}}), INTERVAL 1 DAY))::date AS day
  FROM first_lines
), measured AS (
  SELECT calendar.customer_id, calendar.day,
    sum(coalesce(line_days.amount, 0)) OVER so_far AS monetary,
    sum(coalesce(order_days.orders, 0)) OVER so_far AS frequency,
    calendar.day - max(line_days.order_day) OVER so_far AS recency,
    calendar.day - min(line_days.order_day) OVER so_far AS age
  FROM calendar
  LEFT JOIN line_days ON line_days.customer_id = calendar.customer_id AND line_days.day = calendar.day
  LEFT JOIN order_days ON order_days.customer_id = calendar.customer_id AND order_days.day = calendar.day
  WINDOW so_far AS (PARTITION BY calendar.customer_id ORDER BY calendar.day)
), scored AS (
  -- rank() - 1 is the number of customers with a strictly worse value; no order at all is worse than any.
  SELECT customer_id, day, monetary, frequency, age,
    CASE WHEN frequency = 0 THEN 1
      ELSE 1 + (5 * (rank() OVER (PARTITION BY day ORDER BY recency DESC NULLS FIRST) - 1)) // count(*) OVER (PARTITION BY day)
    END AS r,
    CASE WHEN frequency = 0 THEN 1
      ELSE 1 + (5 * (rank() OVER (PARTITION BY day ORDER BY frequency) - 1)) // count(*) OVER (PARTITION BY day)
    END AS f,
    1 + (5 * (rank() OVER (PARTITION BY day ORDER BY monetary) - 1)) // count(*) OVER (PARTITION BY day) AS m
  FROM measured
), states AS (
  SELECT customer_id,
    (day + 1)::timestamp AT TIME ZONE 'UTC' AS from_at,
    CASE
      WHEN frequency = 0 THEN 'returns only'
      WHEN age < 7 AND frequency = 1 THEN 'new'
      WHEN r >= 4 AND f >= 4 AND m >= 4 THEN 'champions'
      WHEN r >= 3 AND f >= 4 THEN 'loyal'
      WHEN r <= 2 AND (f >= 4 OR m >= 4) THEN 'at risk'
      WHEN r <= 2 THEN 'lost'
      ELSE 'regular'
    END AS segment,
    CASE
      WHEN monetary < 500 THEN 'bronze'
      WHEN monetary < 2000 THEN 'silver'
      WHEN monetary < 10000 THEN 'gold'
      ELSE 'platinum'
    END AS tier
  FROM scored
  UNION ALL
  SELECT customer_id, first_at, CASE WHEN has_order THEN 'new' ELSE 'returns only' END, 'bronze'
  FROM beginnings
)
SELECT
  states.customer_id,
  customers.customer_pseudonym,
  customers.country,
  states.segment AS customer_segment,
  states.tier AS value_tier,
  states.from_at AS effective_date
FROM states
JOIN {{ref('silver.customers')}} AS customers ON customers.customer_id = states.customer_id
UNION ALL
-- The unknown member: a row without a natural key gets the key -1.
SELECT NULL, NULL, '(unknown)', 'unknown', 'unknown', '1900-01-01 00:00:00+00'::timestamptz
