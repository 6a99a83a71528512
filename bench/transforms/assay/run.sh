#!/usr/bin/env bash
# Compiles this checkout, makes a virtual environment with the PostgreSQL driver of the harness, and runs the situations (or those named).
# Everything it made is removed at the end; COMPARE_VENV=FOLDER keeps the environment for the next run, COMPARE_ASSAY=FOLDER takes
# another checkout that is compiled already.
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
venv="${COMPARE_VENV:-$(mktemp -d)}"
[ -n "${COMPARE_VENV:-}" ] || trap 'rm -rf "$venv"' EXIT
export PYTHONDONTWRITEBYTECODE=1
if [ -z "${COMPARE_ASSAY:-}" ]; then
  export COMPARE_ASSAY="$here/../../.."
  nice -n 15 node "$COMPARE_ASSAY/bin/build.js"
fi
if [ ! -f "$venv/ready" ]; then
  python3 -m venv "$venv"
  nice -n 15 "$venv/bin/pip" install --quiet --disable-pip-version-check --no-deps -r "$here/requirements.txt"
  touch "$venv/ready"
fi
nice -n 15 "$venv/bin/python" "$here/situations.py" "$@"
