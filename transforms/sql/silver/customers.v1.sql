/* @transform
name: silver.customers
version: 1
description: >
  One row per known customer, from its order lines. Country is the last seen. The pseudonym is a keyed hash of the id in letters;
  customer_pseudonym_key names the key that made it.
kind: full
role: dimension
keys: {natural: [customer_id]}
targets: [delta, postgres]
storage: {delta: {cluster_by: [customer_id]}}
pseudonyms: {of: silver.order_lines, column: customer_id}
columns:
  - {name: customer_id, type: string, nullable: false, pii: pseudonymous}
  - {name: customer_pseudonym, type: string, nullable: false, pii: pseudonymous}
  - {name: customer_pseudonym_key, type: string, nullable: false, description: "id of the key, not the key"}
  - {name: country, type: string, nullable: true}
  - {name: first_line_at, type: timestamp, nullable: false}
  - {name: first_order_at, type: timestamp, nullable: true, description: "null for customers with returns only"}
  - {name: last_line_at, type: timestamp, nullable: false}
checks:
  - {type: unique, columns: [customer_id], severity: critical}
  - {type: unique, columns: [customer_pseudonym], severity: critical}
  - {type: expression, name: pseudonym_has_no_digits, columns: [customer_pseudonym], expression: "regexp_full_match(customer_pseudonym, '[g-z]{26}')", severity: critical}
quality: {min_score: 95}
owner: sales-data
*/
SELECT
  lines.customer_id,
  pseudonyms.pseudonym AS customer_pseudonym,
  pseudonyms.key_id AS customer_pseudonym_key,
  arg_max(lines.country, (lines.sold_at, lines.source_file, lines.source_row)) AS country,
  min(lines.sold_at) AS first_line_at,
  min(lines.sold_at) FILTER (WHERE NOT lines.is_return) AS first_order_at,
  max(lines.sold_at) AS last_line_at
FROM {{ref('silver.order_lines')}} AS lines
JOIN {{secret.pseudonyms}} AS pseudonyms ON pseudonyms.id = lines.customer_id
WHERE lines.customer_id IS NOT NULL
GROUP BY lines.customer_id, pseudonyms.pseudonym, pseudonyms.key_id
