"""`assay_cli` alone: what it makes of a command's end, and what becomes of the command when the caller ends."""

import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

from assay_cli import AssayFailed, arguments, assay


def fake(how: str) -> pathlib.Path:
    log = pathlib.Path(tempfile.mkdtemp()) / "calls"
    os.environ.update(FAKE=how, FAKE_LOG=str(log))
    return log


class Cli(unittest.TestCase):
    def test_a_partial_run_names_its_commands_and_hands_on_its_steps(self):
        fake("partial")
        seen = []
        outcome = assay("run", allowed=(0, 3), on_event=seen.append)
        self.assertEqual(outcome.retry, [["restate", "gold.fact_sales", "--start", "2010-12-03", "--end", "2010-12-04"]])
        self.assertEqual([e["event"] for e in seen], ["step", "step", "end"])
        self.assertTrue(outcome.partial)

    def test_a_plan_over_several_lines_is_one_object(self):
        fake("done")
        outcome = assay("plan", allowed=(0, 2))
        self.assertEqual((outcome.exit_code, outcome.last["id"]), (2, "7f3c"))

    def test_a_failure_says_why(self):
        fake("failed")
        with self.assertRaisesRegex(AssayFailed, "exit code 1: the warehouse cannot be reached"):
            assay("run", allowed=(0, 3))

    def test_an_exit_code_without_a_right_to_it_is_a_failure(self):
        fake("partial")
        with self.assertRaisesRegex(AssayFailed, "exit code 3"):
            assay("run")

    def test_only_commands_of_its_own_are_repeated(self):
        for line in ("rm -rf /", "assay serve", "assay", "assay gc --now"):
            with self.assertRaises(AssayFailed):
                arguments(line)
        self.assertEqual(arguments("assay restate 'gold.a b' --start x"), ["restate", "gold.a b", "--start", "x"])

    def test_sigterm_to_the_caller_stops_the_command(self):
        log = fake("slow")
        # It says when the first step came, so that the signal comes in the middle.
        code = "import assay_cli; assay_cli.assay('run', on_event=lambda e: print('step', flush=True))"
        caller = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        caller.stdout.readline()
        caller.terminate()
        self.assertNotEqual(caller.wait(timeout=20), 0)
        caller.stdout.close()
        self.assertEqual(log.read_text().splitlines(), ["assay run --json", "stopped"])


if __name__ == "__main__":
    unittest.main()
