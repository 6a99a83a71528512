"""Reads the model with psycopg 3: text, binary, prepared, pipeline, server-side cursor, COPY. Prints what it got as JSON."""
import json
import sys
from datetime import datetime, timezone
from decimal import Decimal

import psycopg

port, token, groups = sys.argv[1:4]
out = {}


def plain(rows):
    return [[str(v) if isinstance(v, (Decimal, datetime, int)) else v for v in row] for row in rows]


with psycopg.connect(host="127.0.0.1", port=port, user="admin", password=token, dbname="assay") as conn:
    conn.autocommit = True
    out["text"] = plain(conn.execute(groups).fetchall())
    out["binary"] = plain(conn.cursor(binary=True).execute(groups).fetchall())
    out["types"] = [c.type_code for c in conn.execute(groups).description]
    given = "SELECT country, MEASURE(net_revenue) FROM retail WHERE country = %s AND sold_at >= %s GROUP BY 1"
    since = datetime(2010, 12, 1, tzinfo=timezone.utc)
    out["prepared"] = [
        plain(conn.execute(given, (country, since), prepare=True).fetchall()) for country in ("France", "Norway", "France")
    ]
    out["arrays"] = plain(
        conn.execute("SELECT country, SUM(lines) FROM retail WHERE country = ANY(%s) GROUP BY 1 ORDER BY 1", (["EIRE", "France"],)).fetchall()
    )
    with conn.pipeline():
        cursors = [conn.execute(groups), conn.execute("SELECT 1"), conn.execute(groups)]
        out["pipeline"] = [len(c.fetchall()) for c in cursors]
    try:
        with conn.pipeline() as pipeline:
            conn.execute("SELECT * FROM retail")
            conn.execute("SELECT 1")
            pipeline.sync()
    except psycopg.Error as e:
        out["pipeline_error"] = e.sqlstate
    out["after"] = conn.execute("SELECT 1").fetchone()[0]
    with conn.transaction():
        named = conn.cursor("named")
        named.execute(groups)
        out["cursor"] = plain(named.fetchmany(2) + named.fetchall())
    for form in ("text", "binary"):
        with conn.cursor().copy(f"COPY ({groups}) TO STDOUT (FORMAT {form})") as copy:
            copy.set_types(["text", "int8"])
            out[f"copy_{form}"] = plain(copy.rows())
    conn.read_only = True
    conn.autocommit = False
    out["read_only"] = plain(conn.execute(groups).fetchall())
    conn.rollback()
print(json.dumps(out))
