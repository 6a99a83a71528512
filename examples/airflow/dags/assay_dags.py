"""Assay from Airflow: `assay_run` keeps the tables up to date, `assay_deploy` brings changed files through an environment to readers.

Airflow starts commands and reads exit codes and JSON; what is missing, what may run at once and what is published together is Assay's
business, so a task can be run again, or twice at once, without harm.
"""

import datetime

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import Param, dag, get_current_context, task
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from assay_cli import AssayFailed, assay

START = datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone.utc)
RETRIES = {"retries": 2, "retry_delay": datetime.timedelta(minutes=1), "retry_exponential_backoff": True}


def show(event: dict) -> None:
    print(event, flush=True)


@dag(schedule="5 * * * *", start_date=START, catchup=False, max_active_runs=1, default_args=RETRIES, tags=["assay"])
def assay_run():
    """Whatever is missing; then each command that a partial run printed as a task of its own; then the checks."""

    @task
    def run() -> list:
        outcome = assay("run", allowed=(0, 3), on_event=show)
        if outcome.nothing_to_do:
            raise AirflowSkipException("nothing to do")
        return outcome.retry

    @task(map_index_template="{{ assay_command }}")
    def complete(command: list) -> None:
        get_current_context()["assay_command"] = " ".join(command)
        if assay(*command, allowed=(0, 3), on_event=show).partial:
            raise AssayFailed("still partial: tried again by this task's retries")

    # Only the exit code matters here, so the shell is enough. Nothing to complete (skipped) is no reason not to check; nothing done is.
    audit = BashOperator(
        task_id="audit", bash_command="${ASSAY:-assay} audit --json", append_env=True, retries=0, trigger_rule="none_failed_min_one_success"
    )
    first = run()
    [first, complete.expand(command=first)] >> audit


@dag(
    schedule=None, start_date=START, catchup=False, max_active_runs=1, default_args=RETRIES, tags=["assay"],
    params={"env": Param("staging", type="string"), "promote_to": Param("prod", type="string")},
)
def assay_deploy():
    """Tests, a plan for an environment, its application, and the promotion: pointers only, nothing is built twice."""

    test = BashOperator(task_id="test", bash_command="${ASSAY:-assay} test", append_env=True, retries=0)

    @task(retries=0)
    def plan(params: dict) -> str:
        try:
            outcome = assay("plan", "--env", params["env"], allowed=(0, 2))
        except AssayFailed as e:
            # A blocked plan stays blocked until a file changes.
            raise AirflowFailException(str(e)) from e
        if outcome.exit_code == 0:
            raise AirflowSkipException("no changes")
        return str(outcome.last["id"])

    @task
    def apply(plan_id: str) -> list:
        return assay("apply", plan_id, allowed=(0, 3), on_event=show).retry

    @task
    def complete(commands: list) -> None:
        for command in commands:
            if assay(*command, allowed=(0, 3), on_event=show).partial:
                raise AssayFailed("still partial: tried again by this task's retries")

    @task
    def promote(params: dict) -> None:
        assay("promote", params["env"], params["promote_to"])

    planned = plan()
    test >> planned
    complete(apply(planned)) >> promote()


@dag(
    schedule=None, start_date=START, catchup=False, tags=["assay"],
    params={"env": Param("prod", type="string"), "revision": Param("", type="string", description="empty: the one before")},
)
def assay_rollback():
    """Readers see the earlier publication again; nothing is rebuilt."""

    @task(retries=0)
    def rollback(params: dict) -> None:
        assay("rollback", params["env"], *([params["revision"]] if params["revision"] else []))

    rollback()


assay_run()
assay_deploy()
assay_rollback()
