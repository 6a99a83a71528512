"""Readers that poll while a tool works: what they see, how long they wait, and what goes wrong for them."""

import re
import threading
import time

TOTALS = "SELECT (SELECT sum(amount) FROM gold.fact_sales), (SELECT sum(revenue) FROM gold.mart_country)"


class Reader:
    """One reader that asks for two totals in one statement, over and over; they are equal in every published state."""

    def __init__(self, cluster, database: str, sql: str = TOTALS) -> None:
        self.cluster, self.database, self.sql = cluster, database, sql
        self.polls, self.mixed, self.longest = 0, 0, 0.0
        self.errors: dict = {}
        self.states: list = []
        self._mixed_from, self.mixed_for = None, 0.0
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._work)

    def __enter__(self) -> "Reader":
        self._thread.start()
        return self

    def __exit__(self, *_) -> None:
        self._end.set()
        self._thread.join()

    def _work(self) -> None:
        connection = self.cluster.connect(self.database)
        with connection.cursor() as cursor:
            while not self._end.is_set():
                self._poll(cursor)
                time.sleep(0.005)
        if self._mixed_from:
            self.mixed_for += time.monotonic() - self._mixed_from
        connection.close()

    def _poll(self, cursor) -> None:
        began = time.monotonic()
        self.polls += 1
        try:
            cursor.execute(self.sql)
            row = cursor.fetchone()
        except Exception as e:  # the reader's program would see it: it is the finding
            text = re.sub(r"\s+", " ", str(e).split("\n")[0])
            self.errors[text] = self.errors.get(text, 0) + 1
            return
        now = time.monotonic()
        self.longest = max(self.longest, now - began)
        if len(row) > 1 and row[0] != row[1]:
            self.mixed += 1
            self._mixed_from = self._mixed_from or began
        elif self._mixed_from:
            self.mixed_for += now - self._mixed_from
            self._mixed_from = None
        state = " / ".join(str(v) for v in row)
        if not self.states or self.states[-1] != state:
            self.states.append(state)

    def summary(self) -> dict:
        return {
            "polls": self.polls,
            "errors": self.errors,
            "mixed": self.mixed,
            "mixed_seconds": round(self.mixed_for, 2),
            "longest_wait_ms": round(self.longest * 1000),
            "states": self.states,
        }
