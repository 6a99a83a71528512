#!/usr/bin/env bash
# Makes the tool's virtual environment, starts a PostgreSQL of its own and runs the situations (or those named). Everything it made is
# removed at the end; COMPARE_VENV=FOLDER keeps the environment for the next run.
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
venv="${COMPARE_VENV:-$(mktemp -d)}"
[ -n "${COMPARE_VENV:-}" ] || trap 'rm -rf "$venv"' EXIT
export PYTHONDONTWRITEBYTECODE=1
if [ ! -f "$venv/ready" ]; then
  python3 -m venv "$venv"
  # Exactly the versions of the published comparison; --no-deps because the file is complete.
  nice -n 15 "$venv/bin/pip" install --quiet --disable-pip-version-check --no-deps -r "$here/requirements.txt"
  touch "$venv/ready"
fi
nice -n 15 "$venv/bin/python" "$here/situations.py" "$@"
