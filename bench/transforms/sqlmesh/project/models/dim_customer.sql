MODEL (
  name gold.dim_customer,
  kind SCD_TYPE_2_BY_TIME (unique_key customer_id, updated_at_name updated_at, updated_at_as_valid_from true, disable_restatement false)
);
SELECT customer_id::int, segment::text, updated_at::timestamp FROM bronze.customers
