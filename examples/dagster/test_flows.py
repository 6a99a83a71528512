"""Executes the definitions against the stand-in for `assay` (../test/assay) in every way a command can end."""

import os
import pathlib
import tempfile
import unittest

import dagster as dg

import definitions as d

# Tests do not wait a minute between attempts.
FAST = dg.RetryPolicy(max_retries=2, delay=0)


def flow(how: str, job: str = "assay_up_to_date", config=None):
    """Runs a job in this process; gives its result and the commands that were called."""
    log = pathlib.Path(tempfile.mkdtemp()) / "calls"
    os.environ.update(FAKE=how, FAKE_LOG=str(log))
    result = d.defs.resolve_job_def(job).execute_in_process(run_config=config, raise_on_error=False)
    return result, log.read_text().splitlines()


def materialized(result) -> list:
    return sorted(".".join(e.asset_key.path) for e in result.get_asset_materialization_events())


class Flows(unittest.TestCase):
    def test_the_graph_is_that_of_the_transforms(self):
        self.assertIn("gold.fact_sales", d.MODELS)
        self.assertIn("silver.order_lines", d.MODELS["gold.fact_sales"])

    def test_success_materialises_what_was_built(self):
        result, calls = flow("done")
        self.assertTrue(result.success)
        self.assertEqual(materialized(result), ["gold.fact_sales", "silver.order_lines"])
        self.assertEqual(calls, ["assay run --json"])

    def test_nothing_to_do_materialises_nothing(self):
        result, calls = flow("nothing")
        self.assertTrue(result.success)
        self.assertEqual(materialized(result), [])

    def test_a_partial_run_is_completed_by_its_own_commands(self):
        result, calls = flow("partial")
        self.assertTrue(result.success)
        self.assertEqual(calls, ["assay run --json", "assay restate gold.fact_sales --start 2010-12-03 --end 2010-12-04 --json"])
        self.assertEqual(materialized(result), ["gold.fact_sales", "silver.order_lines"])

    def test_what_stays_partial_is_tried_again_and_what_is_published_stays_recorded(self):
        result, calls = flow("stuck")
        self.assertTrue(result.success)
        self.assertEqual([c.split()[1] for c in calls], ["run", "restate", "run", "restate"])
        self.assertEqual(sorted(set(materialized(result))), ["gold.fact_sales", "silver.order_lines"])

    def test_a_failure_fails_the_run_after_its_attempts(self):
        result, calls = flow("failed")
        self.assertFalse(result.success)
        self.assertEqual(calls, ["assay run --json"] * 3)
        self.assertEqual(materialized(result), [])

    def test_a_plan_is_applied_once(self):
        config = {"ops": {"apply_plan": {"config": {"plan_id": "7f3c"}}}}
        result, calls = flow("done", "assay_apply", config)
        self.assertTrue(result.success)
        self.assertEqual(calls, ["assay apply 7f3c --json"])

    def test_rollback(self):
        result, calls = flow("done", "assay_rollback")
        self.assertTrue(result.success)
        self.assertEqual(calls, ["assay rollback prod --json"])

    def sensor(self, how: str):
        os.environ.update(FAKE=how, FAKE_LOG=str(pathlib.Path(tempfile.mkdtemp()) / "calls"))
        return d.changed_files(dg.build_sensor_context())

    def test_the_sensor_asks_for_one_run_a_plan(self):
        request = self.sensor("done")
        self.assertEqual(request.run_key, "7f3c")
        self.assertEqual(request.run_config["ops"]["apply_plan"]["config"], {"plan_id": "7f3c"})

    def test_the_sensor_skips_without_changes_and_shows_a_block(self):
        self.assertIsInstance(self.sensor("nothing"), dg.SkipReason)
        with self.assertRaisesRegex(d.AssayFailed, "needs version 2"):
            self.sensor("blocked")

    def checks(self, how: str) -> dict:
        os.environ.update(FAKE=how, FAKE_LOG=str(pathlib.Path(tempfile.mkdtemp()) / "calls"))
        job = dg.Definitions(assets=[d.assay_run], asset_checks=[d.assay_audit], jobs=[
            dg.define_asset_job("checks", selection=dg.AssetSelection.checks(d.assay_audit))]).resolve_job_def("checks")
        evaluations = job.execute_in_process().get_asset_check_evaluations()
        return {".".join(e.asset_key.path): e.passed for e in evaluations}

    def test_an_audit_is_one_asset_check_a_model(self):
        self.assertEqual(len(self.checks("done")), len(d.MODELS))
        self.assertTrue(all(self.checks("done").values()))
        self.assertEqual([m for m, passed in self.checks("bad").items() if not passed], ["gold.fact_sales"])


# The decorated functions keep the policy they were defined with.
for definition in (d.assay_run.op, d.apply_plan):
    definition._retry_policy = FAST

if __name__ == "__main__":
    unittest.main()
