#!/usr/bin/env bash
# Proves that the examples load and run in the orchestrators they are for: makes a virtual environment each, installs the versions of
# requirements.txt, validates the definitions and executes every flow against a stand-in for `assay` (test/assay).
# `check.sh [dagster] [airflow]`; CHECK_VENVS=FOLDER keeps the environments for the next time. Everything else is removed at the end.
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
venvs="${CHECK_VENVS:-$work}"
export TMPDIR="$work" PYTHONDONTWRITEBYTECODE=1 PATH="$here/test:$PATH" ASSAY_TRANSFORMS="$here/../transforms/sql"
export DO_NOT_TRACK=1 DAGSTER_HOME="$work/dagster" AIRFLOW_HOME="$work/airflow"
mkdir -p "$DAGSTER_HOME" "$AIRFLOW_HOME"
touch "$DAGSTER_HOME/dagster.yaml"

environment() { # NAME PIP-ARGUMENTS...
  local venv="$venvs/$1"
  shift
  if [ ! -f "$venv/ready" ]; then
    python3 -m venv "$venv"
    nice -n 15 "$venv/bin/pip" install --quiet --disable-pip-version-check "$@"
    touch "$venv/ready"
  fi
}

check_dagster() {
  environment dagster -r "$here/dagster/requirements.txt"
  local bin="$venvs/dagster/bin"
  "$bin/dagster" --version
  export PYTHONPATH="$here:$here/dagster"
  nice -n 15 "$bin/dagster" definitions validate -f "$here/dagster/definitions.py" 2>&1 | grep -i 'validat'
  nice -n 15 "$bin/python" "$here/dagster/test_flows.py" 2>"$work/dagster.log" || { cat "$work/dagster.log"; return 1; }
  tail -3 "$work/dagster.log"
}

check_airflow() {
  # Airflow publishes the versions it was tested with: CONSTRAINTS names such a file where it can be reached.
  environment airflow -r "$here/airflow/requirements.txt" ${CONSTRAINTS:+--constraint "$CONSTRAINTS"}
  local bin="$venvs/airflow/bin"
  export PYTHONPATH="$here" AIRFLOW__CORE__LOAD_EXAMPLES=False AIRFLOW__CORE__DAGS_FOLDER="$here/airflow/dags"
  export AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS=True
  printf 'airflow %s\n' "$("$bin/airflow" version 2>/dev/null | tail -1)"
  nice -n 15 "$bin/airflow" db migrate >"$work/airflow-db.log" 2>&1 || { cat "$work/airflow-db.log"; return 1; }
  nice -n 15 "$bin/python" "$here/airflow/test_flows.py" >"$work/airflow.log" 2>&1 || { cat "$work/airflow.log"; return 1; }
  tail -3 "$work/airflow.log"
}

PYTHONPATH="$here" python3 "$here/test/test_cli.py"
for name in "${@:-dagster airflow}"; do for one in $name; do "check_$one"; done; done
