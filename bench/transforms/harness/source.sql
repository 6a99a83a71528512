-- The source that both tools read: ten days of order lines and the customers' changes. Every value is a function of its number.
CREATE SCHEMA bronze;
CREATE TABLE bronze.order_lines_data (
  line_id bigint, customer_id integer, country text, quantity integer, unit_price numeric(10, 2), sold_at timestamp
);
INSERT INTO bronze.order_lines_data
SELECT day * 2000 + n, 1 + (n * 7 + day) % 50, (ARRAY['France', 'Germany', 'Spain', 'United Kingdom'])[1 + (n * 7 + day) % 50 % 4],
       1 + n % 5, round((100 + (n * 37 + day * 11) % 900) / 100.0, 2), timestamp '2024-01-01' + day * interval '1 day' + n * interval '40 seconds'
FROM generate_series(0, 9) AS day, generate_series(0, 1999) AS n;

-- A source as slow as a test wants, so that two runs overlap or a kill hits the middle: one sleep per statement that reads it.
CREATE TABLE bronze.settings (pause double precision NOT NULL);
INSERT INTO bronze.settings VALUES (0);
CREATE FUNCTION bronze.pause() RETURNS boolean VOLATILE LANGUAGE plpgsql AS
  $$ BEGIN PERFORM pg_sleep((SELECT pause FROM bronze.settings)); RETURN true; END $$;
CREATE VIEW bronze.order_lines AS SELECT * FROM bronze.order_lines_data WHERE (SELECT bronze.pause());

-- What is known of customers, by the time from which it holds and the time at which it came.
CREATE TABLE bronze.customer_changes (customer_id integer, segment text, updated_at timestamp, arrived_at timestamp);
INSERT INTO bronze.customer_changes
SELECT n, CASE WHEN n % 3 = 0 THEN 'gold' ELSE 'basic' END, timestamp '2024-01-01', timestamp '2024-01-01' FROM generate_series(1, 50) AS n;
-- The operational table shows the last state that came, as such tables do.
CREATE VIEW bronze.customers AS
SELECT DISTINCT ON (customer_id) customer_id, segment, updated_at FROM bronze.customer_changes ORDER BY customer_id, arrived_at DESC;

-- Somebody else's schema.
CREATE SCHEMA bi;
