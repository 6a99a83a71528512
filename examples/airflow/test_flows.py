"""Parses the DAGs as Airflow does and runs them (`dag.test()`) against the stand-in for `assay` in every way a command can end."""

import datetime
import os
import pathlib
import tempfile
import unittest

from airflow.dag_processing.dagbag import DagBag

DAGS = pathlib.Path(__file__).parent / "dags"


def bag() -> DagBag:
    return DagBag(str(DAGS))


def flow(how: str, name: str, conf: "dict | None" = None):
    """Runs a DAG in this process; gives its state, the states of its tasks and the commands that were called."""
    log = pathlib.Path(tempfile.mkdtemp()) / "calls"
    os.environ.update(FAKE=how, FAKE_LOG=str(log))
    dag = bag().dags[name]
    for task in dag.tasks:
        task.retry_delay = datetime.timedelta(0)
        task.retry_exponential_backoff = 0
    run = dag.test(run_conf=conf)
    tasks: dict = {}
    for instance in run.get_task_instances():
        tasks.setdefault(instance.task_id, []).append(str(instance.state))
    return str(run.state), tasks, log.read_text().splitlines() if log.exists() else []


AGAIN = "assay restate gold.fact_sales --start 2010-12-03 --end 2010-12-04 --json"


class Flows(unittest.TestCase):
    def test_the_dags_load_without_errors(self):
        loaded = bag()
        self.assertEqual(loaded.import_errors, {})
        self.assertEqual(sorted(loaded.dags), ["assay_deploy", "assay_rollback", "assay_run"])

    def test_success_is_checked(self):
        state, tasks, calls = flow("done", "assay_run")
        self.assertEqual((state, tasks), ("success", {"run": ["success"], "complete": ["skipped"], "audit": ["success"]}))
        self.assertEqual(calls, ["assay run --json", "assay audit --json"])

    def test_nothing_to_do_skips_everything_after(self):
        state, tasks, calls = flow("nothing", "assay_run")
        self.assertEqual((tasks["run"], tasks["audit"]), (["skipped"], ["skipped"]))
        self.assertEqual(calls, ["assay run --json"])

    def test_a_partial_run_is_completed_by_its_own_commands(self):
        state, tasks, calls = flow("partial", "assay_run")
        self.assertEqual((state, tasks), ("success", {"run": ["success"], "complete": ["success"], "audit": ["success"]}))
        self.assertEqual(calls, ["assay run --json", AGAIN, "assay audit --json"])

    def test_what_stays_partial_is_tried_again_alone(self):
        state, tasks, calls = flow("stuck", "assay_run")
        self.assertEqual(state, "success")
        self.assertEqual(calls, ["assay run --json", AGAIN, AGAIN, "assay audit --json"])

    def test_a_failure_fails_the_run_after_its_tries(self):
        state, tasks, calls = flow("failed", "assay_run")
        self.assertEqual((state, tasks["run"], tasks["audit"]), ("failed", ["failed"], ["upstream_failed"]))
        self.assertEqual(calls, ["assay run --json"] * 3)

    def test_a_failed_check_fails_the_run(self):
        state, tasks, calls = flow("bad", "assay_run")
        self.assertEqual((state, tasks["audit"]), ("failed", ["failed"]))

    def test_changes_are_tested_planned_applied_and_promoted(self):
        state, tasks, calls = flow("done", "assay_deploy")
        self.assertEqual(state, "success")
        self.assertEqual(
            calls, ["assay test", "assay plan --env staging --json", "assay apply 7f3c --json", "assay promote staging prod --json"]
        )

    def test_a_partial_apply_is_completed_before_the_promotion(self):
        state, tasks, calls = flow("partial", "assay_deploy")
        self.assertEqual(state, "success")
        self.assertEqual(calls[2:], ["assay apply 7f3c --json", AGAIN, "assay promote staging prod --json"])

    def test_no_changes_and_a_blocked_plan_promote_nothing(self):
        _, tasks, calls = flow("nothing", "assay_deploy")
        self.assertEqual(tasks["promote"], ["skipped"])
        state, tasks, calls = flow("blocked", "assay_deploy")
        self.assertEqual((state, tasks["plan"], tasks["promote"]), ("failed", ["failed"], ["upstream_failed"]))
        self.assertEqual(calls, ["assay test", "assay plan --env staging --json"])

    def test_rollback(self):
        state, _, calls = flow("done", "assay_rollback", {"env": "prod", "revision": "41"})
        self.assertEqual((state, calls), ("success", ["assay rollback prod 41 --json"]))


if __name__ == "__main__":
    unittest.main()
