"""Ten situations with Assay on PostgreSQL. `run.sh [SITUATION ...]`; the log goes to ../results/assay.jsonl."""

import json
import pathlib
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE)]

from harness.changes import (  # noqa: E402
    BAD_LINE, CORRECTION, FOREIGN_VIEW, HISTORY, LATE_LINES, NEXT_DAY, UPGRADE, VIEW_LEFT, WAITING, HeldDay,
)
from harness.readers import Reader  # noqa: E402
from shop import ASSAY, KEEP, Shop, command, elsewhere  # noqa: E402

SQL = "transforms/sql/"
SILVER, DIM = SQL + "silver/order_lines.v1.sql", SQL + "gold/dim_customer.v1.sql"
FACT, MART = SQL + "gold/fact_sales.v1.sql", SQL + "gold/mart_country.v1.sql"
AMOUNT = '  - {name: amount, type: "decimal(18,2)", nullable: false}\n'
LINES = "SELECT count(*), count(DISTINCT line_id) FROM silver.order_lines"
DIMENSION = "SELECT segment, valid_from, valid_to FROM gold.dim_customer WHERE customer_id = 7 ORDER BY 2"
BAD = "SELECT count(*), min(amount) FROM gold.fact_sales WHERE amount < 0"
LEFT = "SELECT status, count(*) FROM assay.interval GROUP BY 1 ORDER BY 1"
DOUBLE = ("  l.amount\n", "  (l.amount * 2)::decimal(18, 2) AS amount\n")
KEY = (
    ("columns:\n  - {name: country, type: string, nullable: false}", "columns:\n  - {name: country, type: string, nullable: false}\n  - {name: segment, type: string, nullable: false}"),
    ("SELECT country, count(*)", "SELECT country, segment, count(*)"),
    ("GROUP BY country", "GROUP BY country, segment"),
)
# Of a customer that was basic from the first day, it turns out that it had been gold from then on: no version begins elsewhere.
SAME_TIME = "INSERT INTO bronze.customer_changes VALUES (7, 'gold', '2024-01-01', '2024-01-10')"


def s01_concurrent_runs(b) -> None:
    for number in (1, 2, 3):
        b.sql(LATE_LINES.replace("1000000", str(number * 1000000)).replace("% 20 = 0", f"% 20 = {number}"))
        b.take_in()
        b.together([command("run"), elsewhere(b.folder, "run")], KEEP)
        b.sql(LINES, "silver lines, distinct")
        b.compare(f"two runs started at once, try {number}")
    b.assay("run")
    b.compare("one more run alone")


def s01a_forced(b) -> None:
    b.sql(LATE_LINES)
    b.take_in()
    held = HeldDay(b, b.physical("silver.order_lines"), "2024-01-03")
    began = time.monotonic()
    first = b.start(*command("run"))
    b.note("the first is at its DELETE", b.wait_for(WAITING.format(1)))
    second = b.start(*elsewhere(b.folder, "run"))
    b.finish(second, KEEP, began)
    held.release()
    b.finish(first, KEEP, began)
    b.sql(LINES, "silver lines, distinct")
    b.compare("a second run while the first was publishing")
    b.run(*elsewhere(b.folder, "run"), keep=KEEP)
    b.compare("the second once more")


def s01b_two_runs_of_a_new_day(b) -> None:
    b.sql(NEXT_DAY)
    b.take_in()
    b.together([command("run"), elsewhere(b.folder, "run")], KEEP)
    b.sql(LINES, "silver lines, distinct")
    b.compare("two runs of a new day started at once")
    b.assay("run")
    b.compare("one more run alone")


def s01c_same_home(b) -> None:
    b.sql(NEXT_DAY)
    b.take_in()
    b.together([command("run"), command("run")], KEEP)
    b.compare("two runs in one home")
    b.sql(LATE_LINES)
    server = b.serve()
    try:
        b.take_in()
        b.together([command("run"), command("run"), command("restate", "silver.order_lines", "--start", "2024-01-03", "--end", "2024-01-04")], KEEP)
        b.compare("two runs and a restatement beside a server")
        b.assay("query", '{"measures":["shop.revenue","shop.lines"]}')
    finally:
        b.end(server)


def s02_foreign_view(b) -> None:
    b.sql(FOREIGN_VIEW)
    b.assay("run")
    b.sql(VIEW_LEFT, "foreign view after a run without any change")
    b.sql(LATE_LINES)
    b.take_in()
    b.assay("run")
    b.sql("SELECT (SELECT sum(revenue) FROM bi.country_report), (SELECT sum(revenue) FROM gold.mart_country)", "foreign view and mart after late data")
    b.edit(MART, ('  - {name: revenue, type: "decimal(18,2)", nullable: false}\n', '  - {name: revenue, type: "decimal(18,2)", nullable: false}\n  - {name: largest, type: "decimal(18,2)", nullable: false}\n'),
           ("AS revenue FROM", "AS revenue, max(amount)::decimal(18, 2) AS largest FROM"))
    b.change()
    b.sql(VIEW_LEFT, "foreign view after the model got a column")
    b.sql("SELECT (SELECT sum(revenue) FROM bi.country_report), (SELECT sum(revenue) FROM gold.mart_country)", "foreign view and mart after it")


def s02b_view_in_the_way(b) -> None:
    b.sql(FOREIGN_VIEW)
    b.edit(MART, ('  - {name: lines, type: bigint, nullable: false}\n', '  - {name: largest, type: "decimal(18,2)", nullable: false}\n  - {name: lines, type: bigint, nullable: false}\n'),
           ("count(*) AS lines", "max(amount)::decimal(18, 2) AS largest, count(*) AS lines"))
    with Reader(b.cluster, b.database) as reader:
        b.change()
    b.note("a reader", reader.summary())
    b.sql(VIEW_LEFT, "foreign view after a column was put in the middle")
    b.sql("DROP VIEW bi.country_report")
    b.change()
    b.sql("SELECT column_name FROM information_schema.columns WHERE table_schema = 'gold' AND table_name = 'mart_country' ORDER BY ordinal_position", "columns of the mart once the view is away")
    b.compare("after")


def s02c_view_of_the_project(b) -> None:
    text = (b.folder / MART).read_text()
    for old, new in (("name: gold.mart_country", "name: gold.big_countries"), ("kind: full", "kind: view\nengine: {allow: [duckdb, postgres]}"), (text[text.index("*/\n") + 3:], "SELECT country, lines, revenue FROM {{ref('gold.mart_country')}} WHERE lines > 1000\n")):
        if old not in text:
            raise ValueError(old)
        text = text.replace(old, new)
    (b.folder / SQL / "gold/big_countries.v1.sql").write_text(text)
    b.note("edit", "gold/big_countries.v1.sql, kind: view over gold.mart_country")
    b.change()
    both = "SELECT (SELECT sum(revenue) FROM gold.big_countries), (SELECT sum(revenue) FROM gold.mart_country WHERE lines > 1000)"
    b.sql(both, "view and table")
    b.sql(LATE_LINES)
    b.take_in()
    b.assay("run")
    b.sql(both, "view and table after late data")
    b.edit(MART, ('  - {name: revenue, type: "decimal(18,2)", nullable: false}\n', '  - {name: revenue, type: "decimal(18,2)", nullable: false}\n  - {name: largest, type: "decimal(18,2)", nullable: false}\n'),
           ("AS revenue FROM", "AS revenue, max(amount)::decimal(18, 2) AS largest FROM"))
    b.change()
    b.sql(both, "view and table after the table got a column")


def s03_added_column(b) -> None:
    b.edit(FACT, (AMOUNT, AMOUNT + "  - {name: quantity, type: integer, nullable: false}\n"), ("  l.amount\n", "  l.amount,\n  l.quantity\n"))
    with Reader(b.cluster, b.database) as reader:
        b.change()
    b.note("a reader", reader.summary())
    b.sql("SELECT quantity IS NULL, count(*) FROM gold.fact_sales GROUP BY 1", "quantity is null, lines")
    b.compare("after")


def s03b_forward_only(b) -> None:
    b.edit(FACT, (AMOUNT, AMOUNT + "  - {name: quantity, type: integer, nullable: true}\n"), ("  l.amount\n", "  l.amount,\n  l.quantity\n"), ("owner:", "forward_only: true\nowner:"))
    with Reader(b.cluster, b.database) as reader:
        b.change()
    b.note("a reader", reader.summary())
    b.sql("SELECT quantity IS NULL, count(*) FROM gold.fact_sales GROUP BY 1", "quantity is null, lines")
    b.compare("after")
    b.sql(NEXT_DAY)
    b.sql(LATE_LINES)
    b.take_in()
    b.assay("run")
    b.sql("SELECT sold_day, count(*), count(quantity) FROM gold.fact_sales WHERE sold_day IN ('2024-01-02', '2024-01-03', '2024-01-11') GROUP BY 1 ORDER BY 1", "lines of a day of before, of the late one and of the new one, and of them with a quantity")
    b.compare("after a new day and late lines")
    b.assay("restate", "gold.fact_sales", "--start", "2024-01-02", "--end", "2024-01-03")
    b.sql("SELECT count(*), count(quantity) FROM gold.fact_sales WHERE sold_day = '2024-01-02'", "the day of before, made by the new SELECT when asked")


def s04_added_group_key(b) -> None:
    b.edit(MART, *KEY)
    with Reader(b.cluster, b.database, "SELECT revenue FROM gold.mart_country WHERE country = 'France' ORDER BY revenue LIMIT 1") as reader:
        b.change()
        b.assay("run")
        b.assay("build")
    b.note("a reader of the revenue of France", reader.summary())
    with Reader(b.cluster, b.database, "SELECT revenue FROM gold.mart_country WHERE country = 'France' ORDER BY revenue LIMIT 1") as reader:
        b.change("--restate", "gold.mart_country")
    b.note("the same reader when the break is insisted on by --restate", reader.summary())
    b.sql("SELECT country, count(*) FROM gold.mart_country GROUP BY 1 ORDER BY 1", "rows a country")


def s04b_as_version_2(b) -> None:
    text = (b.folder / MART).read_text()
    for old, new in (*KEY, ("version: 1", "version: 2\ndeprecates: 1\nsunset: 2027-03-01"), ("natural: [country]", "natural: [country, segment]"), ("columns: [country]", "columns: [country, segment]")):
        if old not in text:
            raise ValueError(old)
        text = text.replace(old, new)
    (b.folder / SQL / "gold/mart_country.v2.sql").write_text(text)
    b.note("edit", "gold/mart_country.v2.sql with the new key beside v1")
    with Reader(b.cluster, b.database, "SELECT revenue FROM gold.mart_country WHERE country = 'France' ORDER BY revenue LIMIT 1") as reader:
        b.change()
    b.note("a reader of the revenue of France", reader.summary())
    b.sql("SELECT table_name FROM information_schema.views WHERE table_schema = 'gold' ORDER BY 1", "views of gold")
    b.sql("SELECT (SELECT count(*) FROM gold.mart_country), (SELECT count(*) FROM gold.mart_country_v1)", "rows of mart_country, of mart_country_v1")


def s05_restated_dimension(b) -> None:
    b.sql(UPGRADE)
    b.take_in()
    b.assay("run")
    b.compare("after a change that came in time, next run")
    b.sql(CORRECTION)
    b.sql(HISTORY, "what the source knows")
    b.take_in()
    with Reader(b.cluster, b.database) as reader:
        b.assay("run")
    b.note("a reader", reader.summary())
    b.sql(DIMENSION, "the dimension after a run")
    b.compare("next run after the late correction")


def s05b_same_beginning(b) -> None:
    # The corrected version begins when the old one did, so its surrogate key is the same: only its segment differs.
    b.sql(SAME_TIME)
    b.take_in()
    b.assay("run")
    b.sql(DIMENSION, "the dimension after a run")
    b.compare("next run after a late correction from the same time on")
    b.assay("run")
    b.compare("one more run")
    b.assay("restate", "gold.fact_sales")
    b.compare("facts restated by hand")


def s05c_dimension_from_states(b) -> None:
    # What dbt's snapshot and SCD_TYPE_2_BY_TIME read: the present state of each customer, with its time of change.
    b.edit(SQL + "silver/customer_changes.v1.sql", ("PARTITION BY CustomerID, InvoiceDate ORDER BY", "PARTITION BY CustomerID ORDER BY"))
    b.edit(DIM, ("valid_to: valid_to, history: true", "valid_to: valid_to, updated_at: updated_at"), ("updated_at AS valid_from", "updated_at"))
    b.change("--restate", "silver.customer_changes,gold.dim_customer,gold.fact_sales,gold.mart_country")
    b.compare("the dimension as the states that come")
    b.sql(UPGRADE)
    b.take_in()
    b.assay("run")
    b.sql(DIMENSION, "the dimension after a change that came in time")
    b.compare("after a change that came in time, next run")
    b.sql(CORRECTION)
    b.take_in()
    b.assay("run")
    b.sql(DIMENSION, "the dimension after the late correction")
    b.compare("next run after the late correction")


def s06_killed(b) -> None:
    b.edit(SILVER, ("Quantity::integer > 0", "Quantity::integer >= 1"))
    b.plan()
    made = b.plan("--restate", "silver.order_lines,gold.fact_sales,gold.mart_country")
    if not made:
        return
    before = b.sql("SELECT count(*) FROM assay.interval WHERE status = 'audited'")[0][0]
    with Reader(b.cluster, b.database) as reader:
        b.kill_when(command("apply", made), f"SELECT 1 FROM assay.interval WHERE status = 'audited' HAVING count(*) >= {before} + 4", KEEP)
    b.note("a reader", reader.summary())
    b.sql(LEFT, "intervals")
    b.compare("after SIGKILL in the middle of the backfill")
    with Reader(b.cluster, b.database) as reader:
        b.assay("apply", made)
    b.note("a reader", reader.summary())
    b.sql(LEFT, "intervals")
    b.compare("the same plan again")


def s06d_killed_backfill_of_an_added_column(b) -> None:
    b.edit(FACT, (AMOUNT, AMOUNT + "  - {name: quantity, type: integer, nullable: false}\n"), ("  l.amount\n", "  l.amount,\n  l.quantity\n"))
    made = b.plan()
    before = b.sql("SELECT count(*) FROM assay.interval WHERE status = 'audited'")[0][0]
    b.kill_when(command("apply", made), f"SELECT 1 FROM assay.interval WHERE status = 'audited' HAVING count(*) >= {before} + 2", KEEP)
    b.sql(LEFT, "intervals")
    b.compare("after SIGKILL in the middle of the backfill")
    b.assay("apply", made)
    b.sql("SELECT count(*), count(quantity) FROM gold.fact_sales", "lines, of them with a quantity")
    b.note("statements of the fact, of both tries", "".join((b.work / "full.log").read_text().rsplit(f"apply {made}\n", 2)[1:]).count("gold.fact_sales: "))
    b.compare("the same plan again")


def s06b_killed_run(b) -> None:
    b.sql(NEXT_DAY)
    b.take_in()
    b.kill_when(command("run"), "SELECT 1 FROM assay.interval WHERE status = 'audited'", KEEP)
    b.compare("after SIGKILL in the middle of a run of the new day")
    b.assay("run")
    b.compare("run again at once")


def s06c_killed_while_publishing(b) -> None:
    b.sql(LATE_LINES)
    b.take_in()
    with Reader(b.cluster, b.database) as reader:
        b.kill_at_lock(b.physical("silver.order_lines"), "2024-01-03", "run")
        b.note("readers after SIGKILL between the lake's commits and PostgreSQL's", b.sql("SELECT count(*), (SELECT sum(lines) FROM gold.mart_country) FROM gold.fact_sales"))
        b.assay("run")
    b.note("a reader", reader.summary())
    b.compare("run again at once")


def s07_late_data(b) -> None:
    b.sql(LATE_LINES)
    b.take_in()
    b.plan()
    with Reader(b.cluster, b.database) as reader:
        b.assay("run")
    b.note("a reader", reader.summary())
    b.compare("next run")
    b.assay("run")


def s08_contract_break(b) -> None:
    with Reader(b.cluster, b.database) as reader:
        b.edit(FACT, ("  l.amount\n", "  l.amount::varchar AS amount\n"))
        b.change()
        b.edit(FACT, (AMOUNT, "  - {name: amount, type: string, nullable: false}\n"))
        b.change()
        b.assay("run")
    b.note("a reader", reader.summary())
    b.compare("after a type change")


COUNTRY = (("  - {name: country, type: string, nullable: false}\n", ""), ("  l.country,\n", ""))


def s08b_dropped_column(b) -> None:
    with Reader(b.cluster, b.database) as reader:
        b.edit(FACT, COUNTRY[1])
        b.change()
        b.edit(FACT, COUNTRY[0])
        b.change()
    b.note("a reader", reader.summary())
    b.compare("after a dropped column that the mart reads")


def s08c_foreign_reader(b) -> None:
    with Reader(b.cluster, b.database, "SELECT sum(customer_id) FROM gold.fact_sales") as reader:
        b.edit(FACT, ("  - {name: customer_id, type: integer, nullable: false}\n", ""), ("  l.customer_id,\n", ""))
        b.change()
        b.change("--restate", "gold.fact_sales")
    b.note("a reader of fact_sales.customer_id", reader.summary())


def s08d_break_by_promotion(b) -> None:
    with Reader(b.cluster, b.database, "SELECT sum(customer_id) FROM gold.fact_sales") as reader:
        b.edit(FACT, ("  - {name: customer_id, type: integer, nullable: false}\n", ""), ("  l.customer_id,\n", ""))
        b.change("--env", "pr")
        b.assay("promote", "pr", "prod")
    b.note("a reader of fact_sales.customer_id in production", reader.summary())


def s09_failed_check(b) -> None:
    b.sql(NEXT_DAY)
    b.sql(BAD_LINE)
    b.take_in()
    with Reader(b.cluster, b.database) as reader:
        b.assay("run")
    b.note("a reader", reader.summary())
    b.sql(BAD, "bad lines that readers see")
    b.sql("SELECT (SELECT count(*) FROM silver.order_lines), (SELECT count(*) FROM gold.fact_sales), (SELECT sum(lines) FROM gold.mart_country)", "lines of silver, fact, mart")
    b.assay("run")
    b.sql(BAD, "bad lines that readers see after one more run")


def s09b_failed_check_of_a_change(b) -> None:
    b.edit(FACT, ("  l.amount\n", "  (0 - l.amount)::decimal(18, 2) AS amount\n"))
    with Reader(b.cluster, b.database) as reader:
        b.change("--restate", "gold.fact_sales,gold.mart_country")
    b.note("a reader", reader.summary())
    b.compare("after")


def s10_rollback(b) -> None:
    b.edit(FACT, DOUBLE)
    with Reader(b.cluster, b.database) as reader:
        b.change("--restate", "gold.fact_sales,gold.mart_country")
    b.note("a reader during the change", reader.summary())
    with Reader(b.cluster, b.database) as reader:
        b.assay("rollback", "prod")
    b.note("a reader during the way back", reader.summary())
    b.compare("after the way back")
    b.assay("run")
    b.restore(FACT)
    b.change()
    b.assay("run")
    b.compare("after the files went back, too")
    b.assay("apply", b.plan_id())
    b.assay("run")


def s10b_promote_from_an_environment(b) -> None:
    b.edit(FACT, DOUBLE)
    with Reader(b.cluster, b.database) as reader:
        b.change("--env", "pr", "--restate", "gold.fact_sales,gold.mart_country")
    b.note("a reader of production while pr was built", reader.summary())
    with Reader(b.cluster, b.database) as reader:
        b.assay("promote", "pr", "prod", "--restate", "gold.fact_sales,gold.mart_country")
    b.note("a reader during the promotion of what was built in pr", reader.summary())
    with Reader(b.cluster, b.database) as reader:
        b.assay("rollback", "prod")
    b.note("a reader during the way back", reader.summary())
    b.compare("after the way back")


def s10c_rollback_after_gc(b) -> None:
    b.edit(FACT, DOUBLE)
    b.change("--restate", "gold.fact_sales,gold.mart_country")
    b.assay("gc")
    b.assay("rollback", "prod")
    b.compare("after the way back")


def s10d_rollback_of_data(b) -> None:
    # The rows changed in place: the way back needs the rows of then.
    before = b.sql("SELECT count(*), sum(amount) FROM gold.fact_sales")
    b.sql(LATE_LINES)
    b.take_in()
    b.assay("run")
    with Reader(b.cluster, b.database) as reader:
        b.assay("rollback", "prod")
    b.note("a reader during the way back", reader.summary())
    b.note("rows are those of then", b.sql("SELECT count(*), sum(amount) FROM gold.fact_sales") == before)


SITUATIONS = [
    s01_concurrent_runs, s01a_forced, s01b_two_runs_of_a_new_day, s01c_same_home, s02_foreign_view, s02b_view_in_the_way, s02c_view_of_the_project,
    s03_added_column, s03b_forward_only,
    s04_added_group_key, s04b_as_version_2, s05_restated_dimension, s05b_same_beginning, s05c_dimension_from_states,
    s06_killed, s06d_killed_backfill_of_an_added_column, s06b_killed_run,
    s06c_killed_while_publishing, s07_late_data, s08_contract_break, s08b_dropped_column, s08c_foreign_reader,
    s08d_break_by_promotion, s09_failed_check,
    s09b_failed_check_of_a_change, s10_rollback, s10b_promote_from_an_environment, s10c_rollback_after_gc, s10d_rollback_of_data,
]


def versions() -> str:
    own = json.loads((ASSAY / "package.json").read_text())["version"]
    commit = subprocess.run(["git", "-C", str(ASSAY), "rev-parse", "--short", "HEAD"], capture_output=True, text=True).stdout.strip()
    node = subprocess.run(["node", "--version"], capture_output=True, text=True).stdout.strip()
    return f"assay {own}{f' ({commit})' if commit else ''}, Node {node}, psycopg2-binary {__import__('psycopg2').__version__.split()[0]}"


if __name__ == "__main__":
    bench = Shop("assay", HERE / "project", versions())
    try:
        bench.take_in()
        bench.change()
        bench.compare("the first plan")
        bench.keep_base()
        bench.each(SITUATIONS, sys.argv[1:])
    finally:
        bench.close(HERE.parent / "results")
