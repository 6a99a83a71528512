"""Assay in the harness: its warehouse is the situation's database, its lake and home are in the situation's folder."""

import json
import os
import pathlib
import re
import signal
import subprocess
import time

from harness.bench import Bench

ASSAY = pathlib.Path(os.environ["COMPARE_ASSAY"]).resolve()
KEEP = r"^(?!because |dry run duckdb: ok|reuse |checks \d|back |.* rows?( in \d+ partitions)?, \d+ ms on \w+$)."

# What was not taken in yet goes to a file of the source's eight columns; a customer's change is a line of its own kind.
EXPORTED = "CREATE TABLE IF NOT EXISTS bronze.exported (what text PRIMARY KEY)"
NEW_ROWS = """
WITH now AS (
  SELECT 'line ' || line_id AS what, line_id::text AS no, 'LINE' AS code, '' AS text, quantity::text AS quantity,
         to_char(sold_at, 'YYYY-MM-DD HH24:MI:SS') AS at, unit_price::text AS price, customer_id, country
  FROM bronze.order_lines_data
  UNION ALL
  SELECT 'change ' || customer_id || arrived_at || segment || updated_at, to_char(arrived_at, 'YYYYMMDDHH24MI'), 'CUSTOMER', segment, '',
         to_char(updated_at, 'YYYY-MM-DD HH24:MI:SS'), '', customer_id, ''
  FROM bronze.customer_changes
), fresh AS (
  INSERT INTO bronze.exported SELECT what FROM now ON CONFLICT DO NOTHING RETURNING what
)
SELECT no, code, text, quantity, at, price, customer_id, country FROM now JOIN fresh USING (what) ORDER BY at, no
"""
HEADER = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country"


class Shop(Bench):
    def env(self) -> dict:
        kept = {k: v for k, v in os.environ.items() if not k.startswith("ASSAY_")}
        return {
            **kept,
            "ASSAY_HOME": str(self.folder / "home"),
            "ASSAY_LAKE": str(self.folder / "home" / "lake"),
            "ASSAY_MODEL": str(self.folder / "model"),
            "ASSAY_TRANSFORMS": str(self.folder / "transforms"),
            "ASSAY_POSTGRES_URL": f"postgres://postgres@127.0.0.1:{self.cluster.port}/{self.database}",
            "ASSAY_PSEUDONYM_KEY": "no customer of this shop has one" * 2,
            "ASSAY_JWT_SECRET": "nobody outside of this run asks it" * 2,
            "ASSAY_HTTP_PORT": "0",
            "ASSAY_SQL_PORT": "0",
            "ASSAY_DUCKDB_MEMORY": "1GB",
            "NO_COLOR": "1",
        }

    def assay(self, *args: str) -> int:
        return self.run(*command(*args), keep=KEEP)

    def take_in(self) -> None:
        """What is new in the source, as a file, taken in."""
        self.sql(EXPORTED)
        rows = self.sql(NEW_ROWS)
        file = self.folder / f"new-{len(list(self.folder.glob('new-*.csv')))}.csv"
        file.write_text("\n".join([HEADER, *(",".join(str(v) for v in row) for row in rows)]) + "\n")
        self.assay("ingest", str(file), "--source", "online_retail")

    def plan(self, *args: str) -> "str | None":
        """Its id when it can be applied."""
        return self.plan_id() if self.assay("plan", *args) == 2 else None

    def plan_id(self) -> str:
        return re.findall(r"^Plan (\S+) for", (self.work / "full.log").read_text(), re.M)[-1]

    def change(self, *args: str) -> "int | None":
        """Plans, and applies what can be applied."""
        made = self.plan(*args)
        return self.assay("apply", made) if made else None

    def physical(self, model: str) -> str:
        """The table behind a view."""
        return self.sql(
            f"SELECT DISTINCT refobjid::regclass::text FROM pg_depend AS d JOIN pg_rewrite AS r ON r.oid = d.objid"
            f" WHERE r.ev_class = '{model}'::regclass AND refobjid <> '{model}'::regclass AND refclassid = 'pg_class'::regclass"
        )[0][0]

    def kill_at_lock(self, table: str, day: str, *args: str) -> None:
        """Kills a command while its publication waits for a row that another session holds: the lake is written, PostgreSQL is not."""
        from harness.changes import WAITING, HeldDay

        held = HeldDay(self, table, day)
        began = time.monotonic()
        process = self.start(*command(*args))
        self.note("its publication is at the DELETE in PostgreSQL", self.wait_for(WAITING.format(1)))
        os.killpg(process.pid, signal.SIGKILL)
        held.release()
        self.finish(process, KEEP, began)

    def serve(self) -> subprocess.Popen:
        process = self.start(*command("start", "--no-demo"))
        run = self.folder / "home" / "run.json"
        end = time.monotonic() + 120
        while not run.exists() and process.poll() is None and time.monotonic() < end:
            time.sleep(0.1)
        self.note("a server runs for this home", run.exists() and "http" in json.loads(run.read_text()))
        return process

    def end(self, process: subprocess.Popen) -> None:
        began = time.monotonic()
        if process.poll() is None:
            os.kill(process.pid, signal.SIGTERM)
        self.finish(process, KEEP, began)


def command(*args: str) -> list:
    return ["node", str(ASSAY / "bin" / "assay.js"), *args]


def elsewhere(folder: pathlib.Path, *args: str) -> list:
    """The same command from another home, as on another machine that shares the warehouse and the lake."""
    return ["env", f"ASSAY_HOME={folder / 'home-2'}", *command(*args)]
