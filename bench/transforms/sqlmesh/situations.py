"""Ten situations with SQLMesh on PostgreSQL. `run.sh [SITUATION ...]`; the log goes to ../results/sqlmesh.jsonl."""

import importlib.metadata
import pathlib
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from harness.bench import Bench  # noqa: E402
from harness.changes import (  # noqa: E402
    BAD_LINE, CORRECTION, FOREIGN_VIEW, HISTORY, LATE_LINES, NEXT_DAY, UPGRADE, VIEW_LEFT, WAITING, HeldDay, pause,
)
from harness.readers import Reader  # noqa: E402

SQLMESH = str(pathlib.Path(sys.executable).parent / "sqlmesh")
RUN_AT = str(HERE / "run_at.py")
KEEP = (
    r"[Ee]rror|[Ff]ail|WARN|[Bb]reaking|Indirect|backfill:|^\* `|\[\d+/\d+\]|duplicate|does not exist|CompletionStatus|No changes|No models|"
    r"Skipped|Virtual layer updated|up to date|Models selected|additive|destructive|conflict|concurrent"
)
FACT, MART, SILVER = "models/fact_sales.sql", "models/mart_country.sql", "models/order_lines.sql"


def plan(*args: str, env: "str | None" = None) -> list:
    return [SQLMESH, "plan", *([env] if env else []), "--auto-apply", "--no-prompts", "--no-diff", "--execution-time", "2024-01-11", *args]


def apply(b, *args: str, env: "str | None" = None) -> int:
    return b.run(*plan(*args, env=env), keep=KEEP)


def run(b, moment: str = "2024-01-12") -> int:
    return b.run(sys.executable, RUN_AT, moment, keep=KEEP)


def restate(model: str, first: str, last: str, moment: str = "2024-01-11") -> list:
    again = plan("--restate-model", model, "--start", first, "--end", last)
    return [moment if word == "2024-01-11" else word for word in again]


def physical(b, model: str) -> str:
    """The table behind a view."""
    return b.sql(
        f"SELECT DISTINCT refobjid::regclass::text FROM pg_depend AS d JOIN pg_rewrite AS r ON r.oid = d.objid"
        f" WHERE r.ev_class = '{model}'::regclass AND refobjid <> '{model}'::regclass AND refclassid = 'pg_class'::regclass"
    )[0][0]


def s01_concurrent_runs(b) -> None:
    b.sql(LATE_LINES)
    pause(b, 3)
    b.together([restate("silver.order_lines", "2024-01-03", "2024-01-03")] * 2, KEEP)
    b.sql("SELECT count(*), count(DISTINCT line_id) FROM silver.order_lines", "silver lines, distinct")
    b.compare("two restatements started at once")


def s01a_forced(b) -> None:
    b.sql(LATE_LINES)
    held = HeldDay(b, physical(b, "silver.order_lines"), "2024-01-03")
    began = time.monotonic()
    both = [b.start(*restate("silver.order_lines", "2024-01-03", "2024-01-03")) for _ in range(2)]
    b.note("both at their DELETE", b.wait_for(WAITING.format(2)))
    held.release()
    for process in both:
        b.finish(process, KEEP, began)
    b.sql("SELECT count(*), count(DISTINCT line_id) FROM silver.order_lines", "silver lines, distinct")
    b.compare("both deletes before the first insert was visible")


def s01b_two_runs_of_a_new_day(b) -> None:
    b.sql(NEXT_DAY)
    pause(b, 3)
    b.together([[sys.executable, RUN_AT, "2024-01-12"]] * 2, KEEP)
    b.sql("SELECT count(*), count(DISTINCT line_id) FROM silver.order_lines", "silver lines, distinct")
    b.compare("two runs of a new day started at once")
    pause(b, 0)
    run(b)
    b.compare("one more run alone")


def s01c_unique_index(b) -> None:
    # The documented way to an index: a statement that runs when the physical table is made.
    for model in (SILVER, FACT):
        path = b.folder / model
        path.write_text(path.read_text().rstrip() + ";\n@IF(@runtime_stage = 'creating', CREATE UNIQUE INDEX ON @this_model USING btree (line_id))\n")
    b.edit(SILVER, ("quantity > 0", "quantity >= 1"))
    apply(b)
    b.sql("SELECT tablename FROM pg_indexes WHERE schemaname LIKE 'sqlmesh\\_\\_%' AND indexdef LIKE '%UNIQUE%'", "unique indexes")
    b.sql(NEXT_DAY)
    pause(b, 3)
    b.together([[sys.executable, RUN_AT, "2024-01-12"]] * 2, KEEP)
    b.compare("two runs of a new day with a unique index")


def s02_foreign_view(b) -> None:
    b.sql(FOREIGN_VIEW)
    run(b, "2024-01-12")
    b.sql(VIEW_LEFT, "foreign view after a run without any change")
    b.edit(MART, ("sum(amount)::numeric AS revenue", "sum(amount)::numeric AS revenue, max(amount)::numeric AS largest"))
    apply(b)
    b.sql(VIEW_LEFT, "foreign view after the model got a column")


def s03_added_column(b) -> None:
    b.edit(FACT, ("l.amount::numeric", "l.amount::numeric, l.quantity::int"))
    apply(b)
    b.sql("SELECT quantity IS NULL, count(*) FROM gold.fact_sales GROUP BY 1", "quantity is null, lines")
    b.compare("after")


def s03b_forward_only(b) -> None:
    b.edit(FACT, ("l.amount::numeric", "l.amount::numeric, l.quantity::int"))
    apply(b, "--forward-only")
    b.sql(NEXT_DAY)
    run(b)
    b.sql("SELECT quantity IS NULL, count(*) FROM gold.fact_sales GROUP BY 1 ORDER BY 1", "quantity is null, lines")


def s04_added_group_key(b) -> None:
    b.edit(MART, ("SELECT country::text,", "SELECT country::text, segment::text,"), ("GROUP BY country", "GROUP BY country, segment"))
    with Reader(b.cluster, b.database, "SELECT revenue FROM gold.mart_country WHERE country = 'France' ORDER BY revenue LIMIT 1") as reader:
        apply(b)
    b.note("a reader of the revenue of France", reader.summary())
    b.sql("SELECT country, count(*) FROM gold.mart_country GROUP BY 1 ORDER BY 1", "rows a country")


def s04b_without_unique_audit(b) -> None:
    # A consumer of the mart, so that the tool must say whether it is touched; the new key stands last, and no audit of the mart's key.
    (b.folder / "models/top_country.sql").write_text("MODEL (name gold.top_country, kind FULL);\nSELECT country::text, revenue::numeric FROM gold.mart_country\n")
    b.edit(MART, ("kind FULL,\n  audits (unique_values(columns := (country)), not_null(columns := (country)))", "kind FULL"))
    apply(b)
    b.edit(MART, ("AS revenue FROM", "AS revenue, segment::text FROM"), ("GROUP BY country", "GROUP BY country, segment"))
    apply(b)
    b.sql("SELECT (SELECT count(*) FROM gold.mart_country), (SELECT count(*) FROM gold.top_country)", "rows of the mart, rows of its consumer")


def s05_restated_dimension(b) -> None:
    b.sql(UPGRADE)
    run(b, "2024-01-12")
    b.run(*restate("gold.fact_sales", "2024-01-01", "2024-01-10"), keep=KEEP)
    b.compare("after a change that came in time, facts restated")
    b.sql(CORRECTION)
    b.sql(HISTORY, "what the source knows")
    run(b, "2024-01-13")
    b.sql("SELECT segment, valid_from, valid_to FROM gold.dim_customer WHERE customer_id = 7 ORDER BY 2", "the dimension after a run")
    b.run(*restate("gold.dim_customer", "2024-01-03", "2024-01-12", "2024-01-13"), keep=KEEP)
    b.sql("SELECT segment, valid_from, valid_to FROM gold.dim_customer WHERE customer_id = 7 ORDER BY 2", "the dimension after restating it from 3 January")
    b.sql("SELECT count(*), count(*) FILTER (WHERE valid_from < '2024-01-03') FROM gold.dim_customer", "versions in the dimension, of them from before 3 January")
    b.compare("after restating the dimension (and what reads it)")


def s05b_dimension_from_changes(b) -> None:
    (b.folder / "models/dim_customer.sql").write_text(
        "MODEL (name gold.dim_customer, kind FULL);\n"
        "SELECT customer_id::int, segment::text, updated_at::timestamp AS valid_from, (lead(updated_at) OVER (PARTITION BY customer_id"
        " ORDER BY updated_at, arrived_at))::timestamp AS valid_to FROM bronze.customer_changes\n"
    )
    b.sql(UPGRADE)
    apply(b)
    b.compare("the dimension as a query over the changes")
    b.sql(CORRECTION)
    run(b, "2024-01-12")
    b.compare("next run")
    b.run(*restate("gold.fact_sales", "2024-01-03", "2024-01-05"), keep=KEEP)
    b.compare("facts of the touched days restated")


def s06_killed(b) -> None:
    b.edit(SILVER, ("WHERE quantity > 0", "WHERE quantity >= 1"))
    pause(b, 3)
    before = b.sql("SELECT max(created_ts) FROM sqlmesh._intervals")[0][0]
    busy = f"SELECT 1 FROM sqlmesh._intervals WHERE name LIKE '%order_lines%' AND created_ts > {before}"
    with Reader(b.cluster, b.database) as reader:
        b.kill_when(plan(), busy, KEEP)
    b.note("a reader", reader.summary())
    b.compare("after SIGKILL in the middle of the backfill")
    pause(b, 0)
    apply(b)
    b.compare("the same plan again")
    b.sql("SELECT sum(n - 1) FROM (SELECT count(*) AS n FROM silver.order_lines GROUP BY line_id HAVING count(*) > 1) AS twice", "lines twice")


def s06b_killed_run(b) -> None:
    b.sql(NEXT_DAY)
    pause(b, 4)
    busy = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND state = 'active' AND query LIKE '%order_lines%' AND query LIKE '%INSERT INTO%' AND query NOT LIKE '%_intervals%' AND pid <> pg_backend_pid()"
    b.kill_when([sys.executable, RUN_AT, "2024-01-12"], busy, KEEP)
    b.compare("after SIGKILL in the middle of a run of the new day")
    run(b)
    b.compare("run again at once")


def s07_late_data(b) -> None:
    b.sql(LATE_LINES)
    run(b)
    b.compare("next run")
    b.run(*restate("silver.order_lines", "2024-01-03", "2024-01-03"), keep=KEEP)
    b.compare("restated")


def s07b_lookback(b) -> None:
    for model in (SILVER, FACT):
        b.edit(model, ("batch_size 2", "batch_size 2, lookback 9"))
    apply(b)
    b.sql(LATE_LINES)
    run(b)
    b.compare("next run with a lookback of 9 days")


def s08_contract_break(b) -> None:
    b.edit(FACT, ("l.amount::numeric", "l.amount::text"))
    with Reader(b.cluster, b.database) as reader:
        apply(b)
    b.note("a reader", reader.summary())
    b.compare("after a type change")


def s08b_dropped_column(b) -> None:
    b.edit(FACT, ("l.country::text, ", ""))
    with Reader(b.cluster, b.database) as reader:
        apply(b)
    b.note("a reader", reader.summary())
    b.compare("after a dropped column that the mart reads")


def s08c_foreign_reader(b) -> None:
    # The reader outside asks for a column that no model reads: nothing in the project breaks.
    with Reader(b.cluster, b.database, "SELECT sum(customer_id) FROM gold.fact_sales") as reader:
        b.edit(FACT, ("l.customer_id::int, ", ""))
        apply(b)
    b.note("a reader of fact_sales.customer_id", reader.summary())


def s09_failed_check(b) -> None:
    b.sql(NEXT_DAY)
    b.sql(BAD_LINE)
    with Reader(b.cluster, b.database) as reader:
        run(b)
    b.note("a reader", reader.summary())
    b.sql("SELECT count(*), min(amount) FROM gold.fact_sales WHERE amount < 0", "bad lines that readers see")
    run(b)
    b.sql("SELECT count(*), min(amount) FROM gold.fact_sales WHERE amount < 0", "bad lines that readers see after one more run")


def s09b_failed_check_of_a_change(b) -> None:
    b.edit(FACT, ("l.amount::numeric", "(0 - l.amount)::numeric AS amount"))
    with Reader(b.cluster, b.database) as reader:
        apply(b)
    b.note("a reader", reader.summary())


def s10_rollback(b) -> None:
    b.edit(FACT, ("l.amount::numeric", "(l.amount * 2)::numeric AS amount"))
    with Reader(b.cluster, b.database) as reader:
        apply(b)
    b.note("a reader during the change", reader.summary())
    b.restore(FACT)
    with Reader(b.cluster, b.database) as reader:
        apply(b)
    b.note("a reader during the way back (git revert, then plan)", reader.summary())
    b.compare("after the way back")


def s10b_promote_from_an_environment(b) -> None:
    b.edit(FACT, ("l.amount::numeric", "(l.amount * 2)::numeric AS amount"))
    apply(b, env="pr")
    with Reader(b.cluster, b.database) as reader:
        apply(b)
    b.note("a reader during the promotion of what was built in pr", reader.summary())


def s10c_rollback_after_the_janitor(b) -> None:
    b.edit(FACT, ("l.amount::numeric", "(l.amount * 2)::numeric AS amount"))
    apply(b)
    b.run("bash", "-c", f"yes | {SQLMESH} janitor --ignore-ttl", keep="Deleted|[Ee]rror|[Cc]omplete")
    b.restore(FACT)
    apply(b)
    b.compare("after the way back")


SITUATIONS = [
    s01_concurrent_runs, s01a_forced, s01b_two_runs_of_a_new_day, s01c_unique_index, s02_foreign_view, s03_added_column, s03b_forward_only,
    s04_added_group_key, s04b_without_unique_audit, s05_restated_dimension, s05b_dimension_from_changes, s06_killed, s06b_killed_run,
    s07_late_data, s07b_lookback, s08_contract_break, s08b_dropped_column, s08c_foreign_reader, s09_failed_check,
    s09b_failed_check_of_a_change, s10_rollback, s10b_promote_from_an_environment,
    s10c_rollback_after_the_janitor,
]

if __name__ == "__main__":
    versions = ", ".join(f"{p} {importlib.metadata.version(p)}" for p in ("sqlmesh", "sqlglot", "psycopg2"))
    bench = Bench("sqlmesh", HERE / "project", versions)
    try:
        bench.run(*plan(), keep="Virtual layer|[Ee]rror")
        bench.compare("the first plan")
        bench.keep_base()
        bench.each(SITUATIONS, sys.argv[1:])
    finally:
        bench.close(HERE.parent / "results")
