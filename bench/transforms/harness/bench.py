"""The frame of a comparison: a database and a project folder of its own for each situation, commands, and a log of what was seen."""

import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback

from .cluster import HERE, Cluster

NOISE = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]|[\u2500-\u259f]+")


class Bench:
    def __init__(self, tool: str, project: pathlib.Path, versions: str) -> None:
        self.tool, self.project = tool, project
        self.cluster = Cluster()
        self.work = pathlib.Path(tempfile.mkdtemp(prefix=f"compare-{tool}-"))
        self.log: list = []
        self.started: list = []
        self.part = "-part"
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
        self.note("versions", f"{versions}, PostgreSQL {self.cluster.version}, Python {sys.version.split()[0]}")
        # Always one name: SQLMesh writes the database's name into its state.
        self.database, self.folder = "warehouse", self.work / "base"
        self.cluster.create(self.database)
        shutil.copytree(project, self.folder)

    def keep_base(self) -> None:
        """What is built now is what every situation begins with."""
        self.cluster.clone(self.database, "base")

    def situation(self, name: str) -> None:
        self.folder = self.work / name
        self.cluster.rows("postgres", f'DROP DATABASE IF EXISTS "{self.database}" WITH (FORCE)')
        self.cluster.clone("base", self.database)
        shutil.copytree(self.work / "base", self.folder)
        self.log.append({"situation": name})
        print(f"\n## {name}", flush=True)

    def note(self, what: str, seen) -> None:
        self.log.append({what: seen})
        print(f"{what}: {seen if isinstance(seen, str) else json.dumps(seen, default=str)}", flush=True)

    def sql(self, text: str, show: "str | None" = None) -> list:
        rows = self.cluster.rows(self.database, text)
        if show:
            self.note(show, [[str(v) for v in r] for r in rows])
        return rows

    def truth(self) -> list:
        return [str(v) for v in self.cluster.rows(self.database, (HERE / "truth.sql").read_text())[0]]

    def compare(self, when: str) -> bool:
        """The published tables against the truth: lines, revenue, lines by segment, and the mart's revenue."""
        lines, revenue, segments = self.truth()
        try:
            row = self.sql(
                "SELECT count(*), sum(amount), count(*) FILTER (WHERE segment = 'gold') || '/' || count(*) FILTER (WHERE segment = 'basic'),"
                " count(DISTINCT line_id), (SELECT sum(revenue) FROM gold.mart_country) FROM gold.fact_sales"
            )[0]
        except Exception as e:
            self.note(when, f"cannot be read: {str(e).splitlines()[0]}")
            return False
        seen = [str(v) for v in row]
        equal = seen == [lines, revenue, segments, lines, revenue]
        said = "equal to the truth" if equal else "WRONG"
        self.note(
            when,
            f"{said}: fact {seen[0]} lines ({seen[3]} distinct) {seen[1]}, gold/basic {seen[2]}, mart {seen[4]};"
            f" truth {lines} lines {revenue}, gold/basic {segments}",
        )
        return equal

    def env(self) -> dict:
        return {
            **os.environ,
            "COMPARE_PORT": str(self.cluster.port),
            "COMPARE_DATABASE": self.database,
            "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
            "DO_NOT_TRACK": "1",
            "SQLMESH__DISABLE_ANONYMIZED_ANALYTICS": "true",
            "NO_COLOR": "1",
            "COLUMNS": "160",
        }

    def start(self, *command: str) -> subprocess.Popen:
        process = subprocess.Popen(
            command, cwd=self.folder, env=self.env(), stdin=subprocess.DEVNULL, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
        )
        self.started.append(process)
        return process

    def finish(self, process: subprocess.Popen, keep: str, began: float) -> int:
        out, _ = process.communicate(timeout=300)
        shown = " ".join(pathlib.Path(a).name if "/" in a else a for a in process.args)
        lines = [re.sub(r"\s+", " ", NOISE.sub("", line)).strip() for line in out.splitlines()]
        kept = [line[:260] for line in lines if line and re.search(keep, line)]
        with (self.work / "full.log").open("a") as full:
            full.write(f"$ {shown}\n{out}\n")
        self.note(f"$ {shown}", {"exit": process.returncode, "seconds": round(time.monotonic() - began, 1), "said": list(dict.fromkeys(kept))[:14]})
        return process.returncode

    def run(self, *command: str, keep: str) -> int:
        began = time.monotonic()
        return self.finish(self.start(*command), keep, began)

    def together(self, commands: list, keep: str) -> list:
        began = time.monotonic()
        started = [self.start(*c) for c in commands]
        return [self.finish(p, keep, began) for p in started]

    def kill_when(self, command: list, condition: str, keep: str) -> None:
        """Starts a command, kills its whole group with SIGKILL as soon as a query gives a row."""
        began = time.monotonic()
        process = self.start(*command)
        while process.poll() is None and not self.sql(condition):
            time.sleep(0.02)
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        self.finish(process, keep, began)

    def wait_for(self, condition: str, seconds: float = 90) -> bool:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.sql(condition):
                return True
            time.sleep(0.05)
        return False

    def edit(self, file: str, *changes: tuple) -> None:
        path = self.folder / file
        text = path.read_text()
        for old, new in changes:
            if old not in text:
                raise ValueError(f"{file} does not hold {old!r}")
            text = text.replace(old, new)
        path.write_text(text)
        self.note("edit", f"{file}: " + "; ".join(f"{' '.join(o.split())} -> {' '.join(n.split())}" for o, n in changes))

    def restore(self, file: str) -> None:
        shutil.copy(self.work / "base" / file, self.folder / file)
        self.note("edit", f"{file}: as before")

    def each(self, situations: list, wanted: list) -> None:
        # Only a whole run replaces the published log.
        self.part = "-part" if wanted else ""
        for function in situations:
            name = function.__name__
            if wanted and name not in wanted:
                continue
            self.situation(name)
            try:
                function(self)
            except Exception:
                self.note("the harness stopped here", traceback.format_exc(limit=3))

    def close(self, results: pathlib.Path) -> None:
        for process in self.started:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
        results.mkdir(exist_ok=True)
        (results / f"{self.tool}{self.part}.jsonl").write_text("".join(json.dumps(entry, default=str) + "\n" for entry in self.log))
        self.cluster.close()
        if os.environ.get("COMPARE_KEEP") != "1":
            shutil.rmtree(self.work, ignore_errors=True)
