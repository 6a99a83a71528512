"""Runs `assay` for an orchestrator: exit codes and JSON lines, nothing else. No dependency beyond Python 3.10.

`ASSAY` names the program (default: `assay` on PATH; it may hold arguments, as in `npx assay`).
"""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

# What a program may be told to run again: a printed line never becomes another command than these.
REPEATABLE = ("restate", "run", "apply")


class AssayFailed(Exception):
    """A command ended with exit code 1, or with a code or an output that it has no right to."""


@dataclass
class Outcome:
    """What a command said: its exit code, its last object (`end` of `apply`, `run` and `restate`; the plan of `plan`), every event."""

    exit_code: int
    last: dict = field(default_factory=dict)
    events: list = field(default_factory=list)

    @property
    def steps(self) -> list:
        return [event for event in self.events if event.get("event") == "step"]

    @property
    def partial(self) -> bool:
        return self.exit_code == 3

    @property
    def nothing_to_do(self) -> bool:
        return self.exit_code == 0 and not self.steps

    @property
    def retry(self) -> list:
        """The commands that complete a partial run, each as arguments of `assay`."""
        return [arguments(line) for line in self.last.get("retry", [])]


def arguments(line: str) -> list:
    """`assay restate gold.fact_sales --start … --end …` as a list; anything else is refused."""
    words = shlex.split(line)
    if len(words) < 2 or words[0] != "assay" or words[1] not in REPEATABLE:
        raise AssayFailed(f"not a command to repeat: {line}")
    return words[1:]


def assay(*args: str, allowed: Sequence[int] = (0,), on_event: Callable[[dict], None] = lambda _: None) -> Outcome:
    """Runs `assay ARGS --json` and hands every event to `on_event` as it comes.

    Exit codes outside `allowed` raise `AssayFailed` with the reason of the last line. The program's stderr goes to this one's, which
    orchestrators keep as the task's log. When the caller is stopped, by an exception or by SIGTERM, the program is told to stop too
    (SIGTERM) and awaited; whatever it had not published is done by the next run.
    """
    process = subprocess.Popen([*shlex.split(os.environ.get("ASSAY", "assay")), *args, "--json"], stdout=subprocess.PIPE, text=True)
    events: list = []
    other: list = []
    try:
        with stopped_with_us(process):
            for line in process.stdout:
                event = parse(line)
                if event is not None:
                    events.append(event)
                    on_event(event)
                elif line.strip():
                    other.append(line)
            process.wait()
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait()
        process.stdout.close()
    # `plan --json` may be laid out over several lines: then the whole output is one object.
    if other and not events:
        plan = parse("".join(other))
        events, other = ([plan], []) if plan is not None else ([], other)
    sys.stderr.writelines(other)
    outcome = Outcome(process.returncode, events[-1] if events else {}, events)
    if outcome.exit_code not in allowed:
        said = outcome.last.get("error")
        reason = outcome.last.get("message") or (said if isinstance(said, dict) else {}).get("message") or outcome.last.get("status") or "see the log"
        raise AssayFailed(f"assay {shlex.join(args)} ended with exit code {outcome.exit_code}: {reason}")
    return outcome


def parse(text: str) -> "dict | None":
    try:
        value = json.loads(text)
    except json.JSONDecodeError:
        return None
    return value if isinstance(value, dict) else None


@contextlib.contextmanager
def stopped_with_us(process: subprocess.Popen) -> Iterator[None]:
    """Hands SIGTERM on: Airflow's own handler does not interrupt a Python task, and a little later it sends SIGKILL."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGTERM)

    def stop(number, frame) -> None:
        process.terminate()
        if callable(before):
            before(number, frame)

    signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
