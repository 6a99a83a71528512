/* @transform
name: gold.dim_customer
version: 1
description: Customers with the history of their segment.
kind: scd2
role: dimension
keys: {natural: [customer_id, valid_from], surrogate: customer_key}
scd2: {key: customer_id, track: [segment], valid_from: valid_from, valid_to: valid_to, history: true}
targets: [delta, postgres]
columns:
  - {name: customer_key, type: bigint, nullable: false}
  - {name: customer_id, type: integer, nullable: false}
  - {name: segment, type: string, nullable: false}
  - {name: valid_from, type: timestamp, nullable: false}
  - {name: valid_to, type: timestamp, nullable: true}
owner: compare
*/
SELECT customer_id, segment, updated_at AS valid_from FROM {{ref('silver.customer_changes')}}
