"""Ten situations with dbt on PostgreSQL. `run.sh [SITUATION ...]`; the log goes to ../results/dbt.jsonl."""

import importlib.metadata
import pathlib
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from harness.bench import Bench  # noqa: E402
from harness.changes import (  # noqa: E402
    BAD_LINE, BY_DAY, CORRECTION, FOREIGN_VIEW, HISTORY, LATE_LINES, NEXT_DAY, UPGRADE, VIEW_LEFT, WAITING, HeldDay, pause,
)
from harness.readers import Reader  # noqa: E402

DBT = str(pathlib.Path(sys.executable).parent / "dbt")
KEEP = r"ERROR|FAIL|WARN|SKIP|OK created|OK snap|Database Error|[Ee]rror:|duplicate|PASS=|Nothing|does not exist|[Cc]ontract|Batch|batch"
FACT, MART = "models/fact_sales.sql", "models/mart_country.sql"


def dbt(b, *args: str) -> int:
    return b.run(DBT, *args, keep=KEEP)


def days(first: str, after: str) -> list:
    return ["--vars", f"{{from_day: '{first}', to_day: '{after}'}}"]


def s01_concurrent_runs(b) -> None:
    b.sql(LATE_LINES)
    again = [DBT, "run", *days("2024-01-03", "2024-01-04")]
    # Each of two runs has its own target folder, as two workers would.
    pair = [[*again, "--target-path", f"target{n}"] for n in (1, 2)]
    for number in (1, 2, 3):
        pause(b, 3)
        b.together(pair, KEEP)
        b.compare(f"two runs started at once, try {number}")
        pause(b, 0)
        dbt(b, "run", *days("2024-01-03", "2024-01-04"))
        b.compare("one more run alone")


def s01a_forced(b) -> None:
    b.sql(LATE_LINES)
    pair = [[DBT, "run", *days("2024-01-03", "2024-01-04"), "--target-path", f"target{n}"] for n in (1, 2)]
    held = HeldDay(b, "silver.order_lines", "2024-01-03")
    began = time.monotonic()
    both = [b.start(*c) for c in pair]
    b.note("both at their DELETE", b.wait_for(WAITING.format(2)))
    held.release()
    for process in both:
        b.finish(process, KEEP, began)
    b.sql("SELECT count(*), count(DISTINCT line_id) FROM silver.order_lines", "silver lines, distinct")
    b.compare("both deletes before the first insert was visible")
    dbt(b, "test")


def s01b_unique_index(b) -> None:
    b.edit("models/order_lines.sql", ("unique_key='sold_day',", "unique_key='sold_day', indexes=[{'columns': ['line_id'], 'unique': true}],"))
    b.edit(FACT, ("unique_key='sold_day',", "unique_key='sold_day', indexes=[{'columns': ['line_id'], 'unique': true}],"))
    dbt(b, "run", "--full-refresh")
    b.sql(LATE_LINES)
    pause(b, 3)
    held = HeldDay(b, "silver.order_lines", "2024-01-03")
    began = time.monotonic()
    both = [b.start(DBT, "run", *days("2024-01-03", "2024-01-04"), "--target-path", f"target{n}") for n in (1, 2)]
    b.note("both at their DELETE", b.wait_for(WAITING.format(2)))
    held.release()
    for process in both:
        b.finish(process, KEEP, began)
    b.compare("with a unique index")


def s02_foreign_view(b) -> None:
    b.sql(FOREIGN_VIEW)
    b.sql(VIEW_LEFT, "foreign view before")
    dbt(b, "run", "--select", "mart_country")
    b.sql(VIEW_LEFT, "foreign view after a run without any change")


def s02b_incremental_mart(b) -> None:
    b.edit(MART, ("materialized='table'", "materialized='incremental', unique_key='country', on_schema_change='append_new_columns'"))
    dbt(b, "run", "--select", "mart_country", "--full-refresh")
    b.sql(FOREIGN_VIEW)
    dbt(b, "run", "--select", "mart_country")
    b.sql(VIEW_LEFT, "foreign view after an incremental run")
    dbt(b, "run", "--select", "mart_country", "--full-refresh")
    b.sql(VIEW_LEFT, "foreign view after --full-refresh")


def s03_added_column(b) -> None:
    b.sql(NEXT_DAY)
    b.edit(FACT, ("l.amount::", "l.quantity, l.amount::"))
    b.edit("models/schema.yml", ("- {name: segment, data_type: text}", "- {name: segment, data_type: text}\n      - {name: quantity, data_type: integer}"))
    dbt(b, "build")
    b.sql("SELECT quantity IS NULL, count(*) FROM gold.fact_sales GROUP BY 1 ORDER BY 1", "quantity is null, lines")
    dbt(b, "run", "--full-refresh", "--select", "fact_sales+")
    b.sql("SELECT quantity IS NULL, count(*) FROM gold.fact_sales GROUP BY 1 ORDER BY 1", "after --full-refresh: quantity is null, lines")


def s04_added_group_key(b) -> None:
    b.sql(FOREIGN_VIEW.replace("VIEW", "TABLE"))
    b.edit(MART, ("SELECT country,", "SELECT country, segment,"), ("GROUP BY country", "GROUP BY country, segment"))
    b.edit("models/schema.yml", ("- {name: lines, data_type: bigint}", "- {name: segment, data_type: text}\n      - {name: lines, data_type: bigint}"))
    with Reader(b.cluster, b.database, "SELECT revenue FROM gold.mart_country WHERE country = 'France' ORDER BY revenue LIMIT 1") as reader:
        dbt(b, "build", "--select", "state:modified+", "--state", "target-before")
    b.note("a reader of the revenue of France", reader.summary())
    b.sql("SELECT country, count(*) FROM gold.mart_country GROUP BY 1 ORDER BY 1", "rows a country")


def s05_restated_dimension(b) -> None:
    b.sql(UPGRADE)
    dbt(b, "snapshot")
    dbt(b, "run", *days("2024-01-01", "2024-01-11"))
    b.compare("after a change that came in time")
    b.sql(CORRECTION)
    b.sql(HISTORY, "what the source knows")
    dbt(b, "build")
    dbt(b, "run", *days("2024-01-01", "2024-01-11"))
    b.sql("SELECT segment, dbt_valid_from, dbt_valid_to FROM gold.dim_customer WHERE customer_id = 7 ORDER BY 2", "the snapshot")
    b.compare("after the late correction and facts built again")


def s05b_dimension_from_changes(b) -> None:
    (b.folder / "snapshots/dim_customer.yml").unlink()
    (b.folder / "models/dim_customer.sql").write_text(
        "{{ config(schema='gold', materialized='table') }}\n"
        "SELECT customer_id, segment, updated_at AS dbt_valid_from, lead(updated_at) OVER (PARTITION BY customer_id ORDER BY updated_at, arrived_at)"
        " AS dbt_valid_to FROM bronze.customer_changes\n"
    )
    b.sql("DROP TABLE gold.dim_customer CASCADE")
    b.sql(UPGRADE)
    dbt(b, "run", *days("2024-01-01", "2024-01-11"))
    b.sql(CORRECTION)
    dbt(b, "build")
    b.compare("the dimension as a query over the changes, next run")
    dbt(b, "run", *days("2024-01-03", "2024-01-06"))
    b.compare("facts of the touched days built again")


def s06_killed(b) -> None:
    pause(b, 4)
    b.sql(LATE_LINES)
    busy = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND state = 'active' AND query LIKE '%order_lines__dbt_tmp%' AND query LIKE '%create temporary table%' AND pid <> pg_backend_pid()"
    b.kill_when([DBT, "run", *days("2024-01-01", "2024-01-11")], busy, KEEP)
    b.compare("after SIGKILL in the middle of the delete+insert model")
    b.sql("SELECT state, count(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE '%order_lines%' AND pid <> pg_backend_pid() GROUP BY 1", "statements left on the server")
    pause(b, 0)
    dbt(b, "retry")
    dbt(b, "run", *days("2024-01-01", "2024-01-11"))
    b.compare("run again with its days")


def s06b_killed_microbatch(b) -> None:
    b.edit(FACT, ("incremental_strategy='delete+insert', unique_key='sold_day'", "incremental_strategy='microbatch', unique_key='line_id', event_time='sold_day', batch_size='day', begin='2024-01-01', lookback=1"),
           ("\nWHERE {{ days('l.sold_day') }}", "\nWHERE (SELECT bronze.pause())"))
    b.edit("models/order_lines.sql", ("on_schema_change=", "event_time='sold_day', on_schema_change="))
    pause(b, 1)
    b.sql("DROP TABLE gold.fact_sales CASCADE")
    first = [DBT, "run", "--select", "fact_sales+", "--event-time-start", "2024-01-01", "--event-time-end", "2024-01-11"]
    b.kill_when(first, "SELECT 1 FROM pg_stat_activity WHERE query LIKE '%2024-01-05%' AND query LIKE '%pause%' AND state = 'active' AND datname = current_database() AND pid <> pg_backend_pid()", KEEP)
    b.sql("SELECT count(*) FROM gold.fact_sales", "lines after SIGKILL at about the fifth batch of ten")
    pause(b, 0)
    dbt(b, "retry")
    dbt(b, "run", "--select", "fact_sales+")
    b.compare("run again")
    dbt(b, "run", "--select", "fact_sales+", "--event-time-start", "2024-01-01", "--event-time-end", "2024-01-11")
    b.compare("run again with the days said")


def s07_late_data(b) -> None:
    b.sql(LATE_LINES)
    dbt(b, "build")
    b.compare("next run")
    dbt(b, "run", *days("2024-01-03", "2024-01-04"))
    b.compare("run with the day said")


def s08_contract_break(b) -> None:
    dbt(b, "parse", "--target-path", "target-before")
    b.edit(FACT, (", d.segment, l.amount::numeric(18, 2) AS amount", ", d.segment, l.amount::text AS amount"))
    dbt(b, "build", "--select", "fact_sales+")
    b.edit("models/schema.yml", ("- name: amount\n        data_type: 'numeric(18, 2)'", "- name: amount\n        data_type: text"))
    with Reader(b.cluster, b.database) as reader:
        dbt(b, "build", "--select", "state:modified+", "--state", "target-before")
    b.note("a reader", reader.summary())
    b.sql("SELECT data_type FROM information_schema.columns WHERE table_schema = 'gold' AND table_name = 'fact_sales' AND column_name = 'amount'", "type of amount")
    dbt(b, "build", "--full-refresh", "--select", "fact_sales+")
    b.sql("SELECT data_type FROM information_schema.columns WHERE table_schema = 'gold' AND table_name = 'fact_sales' AND column_name = 'amount'", "type of amount after --full-refresh")
    b.compare("readers now")


def s08b_dropped_column(b) -> None:
    b.edit(FACT, ("l.country, ", ""))
    b.edit("models/schema.yml", ("      - {name: country, data_type: text}\n      - {name: segment", "      - {name: segment"))
    dbt(b, "build", "--select", "state:modified+", "--state", "target-before")
    b.sql("SELECT country IS NULL, count(*) FROM gold.fact_sales GROUP BY 1", "country is null, lines")
    dbt(b, "build", "--full-refresh", "--select", "fact_sales+")
    b.compare("readers after --full-refresh")


def s08c_versioned(b) -> None:
    b.edit("models/schema.yml", ("  - name: fact_sales\n", "  - name: fact_sales\n    latest_version: 1\n    versions: [{v: 1, defined_in: fact_sales, config: {alias: fact_sales}}]\n"))
    dbt(b, "parse", "--target-path", "target-before")
    b.edit(FACT, ("l.amount::numeric(18, 2) AS amount", "l.amount::text AS amount"))
    b.edit("models/schema.yml", ("- name: amount\n        data_type: 'numeric(18, 2)'", "- name: amount\n        data_type: text"))
    dbt(b, "build", "--select", "state:modified+", "--state", "target-before")
    b.compare("a breaking change of a versioned, contracted model")


def s09_failed_check(b) -> None:
    b.sql(NEXT_DAY)
    b.sql(BAD_LINE)
    with Reader(b.cluster, b.database) as reader:
        dbt(b, "build")
    b.note("a reader", reader.summary())
    b.sql("SELECT count(*), min(amount) FROM gold.fact_sales WHERE amount < 0", "bad lines that readers see")


def s09b_other_schema_first(b) -> None:
    b.sql(NEXT_DAY)
    b.sql(BAD_LINE)
    dbt(b, "build", "--target", "pr")
    b.sql("SELECT count(*) FROM gold.fact_sales WHERE amount < 0", "bad lines that readers see")
    b.sql("SELECT pg_size_pretty(pg_total_relation_size('pr_gold.fact_sales')), pg_size_pretty(pg_total_relation_size('gold.fact_sales'))", "size of the copy and of the table")


def s10_rollback(b) -> None:
    b.edit(FACT, ("l.amount::numeric(18, 2)", "(l.amount * 2)::numeric(18, 2)"))
    with Reader(b.cluster, b.database) as reader:
        dbt(b, "run", "--full-refresh", "--select", "fact_sales+")
    b.note("a reader during the change", reader.summary())
    b.restore(FACT)
    with Reader(b.cluster, b.database) as reader:
        dbt(b, "run", "--full-refresh", "--select", "fact_sales+")
    b.note("a reader during the way back (git revert, then a build)", reader.summary())
    b.compare("after the way back")


SITUATIONS = [
    s01_concurrent_runs, s01a_forced, s01b_unique_index, s02_foreign_view, s02b_incremental_mart, s03_added_column, s04_added_group_key, s05_restated_dimension,
    s05b_dimension_from_changes,     s06_killed, s06b_killed_microbatch, s07_late_data, s08_contract_break, s08b_dropped_column, s08c_versioned, s09_failed_check, s09b_other_schema_first, s10_rollback,
]

if __name__ == "__main__":
    versions = ", ".join(f"{p} {importlib.metadata.version(p)}" for p in ("dbt-core", "dbt-postgres", "dbt-adapters", "psycopg2-binary"))
    bench = Bench("dbt", HERE / "project", versions)
    try:
        bench.run(DBT, "build", keep="PASS=|ERROR")
        bench.run(DBT, "parse", "--target-path", "target-before", keep="ERROR")
        bench.compare("the first build")
        bench.keep_base()
        bench.each(SITUATIONS, sys.argv[1:])
    finally:
        bench.close(HERE.parent / "results")
