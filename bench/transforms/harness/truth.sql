-- What the tables must hold, straight from the source, by nobody's model: lines, revenue, and lines by the segment of the sale's time.
WITH versions AS (
  SELECT customer_id, segment, updated_at AS valid_from,
         lead(updated_at) OVER (PARTITION BY customer_id ORDER BY updated_at, arrived_at) AS valid_to
  FROM bronze.customer_changes
)
SELECT count(*) AS lines, sum(round(quantity * unit_price, 2)) AS revenue,
       count(*) FILTER (WHERE segment = 'gold') || '/' || count(*) FILTER (WHERE segment = 'basic') AS by_segment
FROM bronze.order_lines_data AS l
LEFT JOIN versions AS v ON v.customer_id = l.customer_id AND l.sold_at >= v.valid_from AND (v.valid_to IS NULL OR l.sold_at < v.valid_to)
WHERE quantity > 0
