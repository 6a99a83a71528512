"""Assay's tables as Dagster assets: one asset a model, brought up to date by `assay run`; changed files applied by a sensor.

The graph comes from the files of the transforms themselves (`ASSAY_TRANSFORMS`, default `transforms/sql`), so it needs no service when
Dagster loads it. What is missing, what is safe to run at once and what is published together is Assay's business: Dagster starts the
commands, shows their steps, and tries again by the commands that a partial run prints.
"""

import os
import pathlib
import re

import dagster as dg

from assay_cli import AssayFailed, Outcome, assay

TRANSFORMS = pathlib.Path(os.environ.get("ASSAY_TRANSFORMS", "transforms/sql"))
FILE = re.compile(r"^(?P<layer>\w+)/(?P<name>\w+)\.v(?P<version>\d+)\.sql$")
HEADER = re.compile(r"/\*.*?\*/", re.DOTALL)
REFERENCE = re.compile(r"\{\{\s*(?:ref|source)\(['\"]([\w.]+)['\"]\)\s*\}\}")
LOOKUP = re.compile(r"\bdimension:\s*([\w.]+)")
RETRY = dg.RetryPolicy(max_retries=2, delay=60, backoff=dg.Backoff.EXPONENTIAL)


def models() -> dict:
    """Every model of the folder with what it reads: name -> names. The newest version of a name stands for it."""
    newest: dict = {}
    for file in TRANSFORMS.glob("*/*.sql"):
        match = FILE.match(file.relative_to(TRANSFORMS).as_posix())
        if match is None:
            continue
        name, version = f"{match['layer']}.{match['name']}", int(match["version"])
        if version >= newest.get(name, (0, None))[0]:
            newest[name] = (version, file)
    return {name: reads(file.read_text(), name) for name, (_, file) in sorted(newest.items())}


def reads(text: str, name: str) -> list:
    """What the SELECT reads and where it looks keys up. What only a check reads is no input: it could close a circle."""
    header = "".join(HEADER.findall(text))
    return sorted({*REFERENCE.findall(HEADER.sub("", text)), *LOOKUP.findall(header)} - {name})


MODELS = models()


def key(name: str) -> dg.AssetKey:
    return dg.AssetKey(name.split("."))


# `skippable`: a run materialises only what had something missing.
SPECS = [
    dg.AssetSpec(key(name), deps=[key(d) for d in inputs], group_name=name.split(".")[0], skippable=True, kinds={"sql"})
    for name, inputs in MODELS.items()
]


def published(outcomes: list) -> dict:
    """Steps that succeeded, by model, of all the commands of this attempt."""
    by_model: dict = {}
    for outcome in outcomes:
        for step in outcome.steps:
            if step.get("model") in MODELS and step.get("status") not in ("failed", "quarantined"):
                by_model.setdefault(step["model"], []).append(step)
    return by_model


def complete(context, outcome: Outcome) -> list:
    """After a partial run: each printed command once. What still fails is left to the retry policy, which runs everything missing."""
    outcomes = [outcome]
    for command in outcome.retry:
        context.log.warning(f"partial: assay {' '.join(command)}")
        outcomes.append(assay(*command, allowed=(0, 3), on_event=lambda event: context.log.info(str(event))))
    return outcomes


@dg.multi_asset(name="assay_run", specs=SPECS, retry_policy=RETRY)
def assay_run(context: dg.AssetExecutionContext):
    """`assay run`: whatever is missing. Nothing to do materialises nothing; a partial run goes on by its own commands."""
    first = assay("run", allowed=(0, 3), on_event=lambda event: context.log.info(str(event)))
    outcomes = complete(context, first) if first.partial else [first]
    for model, steps in published(outcomes).items():
        rows = [step["rows"] for step in steps if isinstance(step.get("rows"), int)]
        metadata = {"steps": len(steps), "partitions": [str(s["partition"]) for s in steps if "partition" in s][:50]}
        yield dg.MaterializeResult(asset_key=key(model), metadata={**metadata, **({"dagster/row_count": sum(rows)} if rows else {})})
    # What is published stays recorded; the retry policy's next attempt runs what is missing.
    left = [command for outcome in outcomes[1:] if outcome.partial for command in outcome.retry]
    if left:
        raise AssayFailed(f"still partial: {left}")


@dg.multi_asset_check(
    name="assay_audit",
    specs=[dg.AssetCheckSpec("audit", asset=key(name), blocking=False) for name in MODELS],
    can_subset=True,
)
def assay_audit(context: dg.AssetCheckExecutionContext):
    """`assay audit`: the checks of published tables as asset checks. A table passes when no check of it failed above `warn`."""
    outcome = assay("audit", allowed=(0, 1))
    checks = [event for event in outcome.events if event.get("event") == "check"]
    if outcome.exit_code == 1 and not checks:
        raise AssayFailed(outcome.last.get("message", "assay audit failed"))
    for check_key in context.selected_asset_check_keys:
        model = ".".join(check_key.asset_key.path)
        failed = [c for c in checks if c.get("model") == model and not c.get("passed")]
        grave = [c for c in failed if c.get("severity") in ("critical", "error")]
        yield dg.AssetCheckResult(
            asset_key=check_key.asset_key,
            check_name=check_key.name,
            passed=not grave,
            severity=dg.AssetCheckSeverity.ERROR if grave else dg.AssetCheckSeverity.WARN,
            metadata={"failed": [str(c.get("check")) for c in failed], "checks": sum(c.get("model") == model for c in checks)},
        )


class Plan(dg.Config):
    plan_id: str


class Rollback(dg.Config):
    env: str = "prod"
    revision: str = ""


@dg.op(retry_policy=RETRY)
def apply_plan(context: dg.OpExecutionContext, config: Plan) -> str:
    """Applies a saved plan. It refuses by itself when files or the environment have moved since; then the sensor makes a new plan."""
    outcome = assay("apply", config.plan_id, allowed=(0, 3), on_event=lambda event: context.log.info(str(event)))
    if outcome.partial and any(o.partial for o in complete(context, outcome)[1:]):
        raise AssayFailed("still partial after its own commands")
    return outcome.last.get("status", "published")


@dg.op
def roll_back(config: Rollback) -> None:
    assay("rollback", config.env, *([config.revision] if config.revision else []))


@dg.job
def assay_apply():
    apply_plan()


@dg.job
def assay_rollback():
    roll_back()


@dg.sensor(job=assay_apply, minimum_interval_seconds=300)
def changed_files(context: dg.SensorEvaluationContext):
    """`assay plan`: exit 2 asks for one run a plan (its id is the run key), 0 skips, 1 shows the block as a failed tick."""
    outcome = assay("plan", allowed=(0, 2))
    if outcome.exit_code == 0:
        return dg.SkipReason("no changes")
    plan_id = str(outcome.last["id"])
    return dg.RunRequest(run_key=plan_id, tags={"assay/plan": plan_id}, run_config=dg.RunConfig({"apply_plan": Plan(plan_id=plan_id)}))


# The commands may run at once without harm (leases and fences decide); one at a time only keeps the history readable.
ONE_AT_A_TIME = {"dagster/concurrency_key": "assay"}
assay_up_to_date = dg.define_asset_job("assay_up_to_date", selection=dg.AssetSelection.assets(assay_run), tags=ONE_AT_A_TIME)
hourly = dg.ScheduleDefinition(job=assay_up_to_date, cron_schedule="5 * * * *", execution_timezone="UTC")

defs = dg.Definitions(
    assets=[assay_run],
    asset_checks=[assay_audit],
    jobs=[assay_up_to_date, assay_apply, assay_rollback],
    schedules=[hourly],
    sensors=[changed_files],
)
