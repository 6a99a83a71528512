"""What happens to the source and around the tools in the situations: the same statements for both."""

NEXT_DAY = (
    "INSERT INTO bronze.order_lines_data SELECT line_id + 2000, customer_id, country, quantity, unit_price, sold_at + interval '1 day'"
    " FROM bronze.order_lines_data WHERE sold_at >= '2024-01-10'"
)
LATE_LINES = (
    "INSERT INTO bronze.order_lines_data SELECT line_id + 1000000, customer_id, country, quantity, unit_price, sold_at"
    " FROM bronze.order_lines_data WHERE sold_at >= '2024-01-03' AND sold_at < '2024-01-04' AND line_id % 20 = 0"
)
FOREIGN_VIEW = "CREATE VIEW bi.country_report AS SELECT country, revenue FROM gold.mart_country"
# A customer moved to gold on 6 January; on the 10th it turns out that it had been gold from the 3rd on.
UPGRADE = "INSERT INTO bronze.customer_changes VALUES (7, 'gold', '2024-01-06', '2024-01-06')"
CORRECTION = "INSERT INTO bronze.customer_changes VALUES (7, 'gold', '2024-01-03', '2024-01-10')"
BAD_LINE = "INSERT INTO bronze.order_lines_data VALUES (999999, 1, 'France', 1, -5000, '2024-01-11 09:00')"
HISTORY = "SELECT customer_id, segment, updated_at, arrived_at FROM bronze.customer_changes WHERE customer_id = 7 ORDER BY arrived_at"
VIEW_LEFT = "SELECT table_schema || '.' || table_name FROM information_schema.views WHERE table_schema = 'bi'"
BY_DAY = "SELECT sold_day, count(*) FROM gold.fact_sales GROUP BY 1 HAVING count(*) <> 2000 ORDER BY 1"


def pause(bench, seconds: float) -> None:
    bench.sql(f"UPDATE bronze.settings SET pause = {seconds}")


class HeldDay:
    """Another session that holds one row of a table for a moment, so that two writers of that day are both at their DELETE when it lets go."""

    def __init__(self, bench, table: str, day: str) -> None:
        self.connection = bench.cluster.connect(bench.database, autocommit=False)
        with self.connection.cursor() as cursor:
            cursor.execute(f"SELECT 1 FROM {table} WHERE sold_day = '{day}' LIMIT 1 FOR UPDATE")

    def release(self) -> None:
        self.connection.rollback()
        self.connection.close()


WAITING = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' GROUP BY 1 HAVING count(*) >= {}"
