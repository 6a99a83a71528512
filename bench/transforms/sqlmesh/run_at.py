"""`sqlmesh run` as of a moment: the command itself has no option for the execution time, its Python interface has."""

import sys

from sqlmesh import Context

status = Context(paths=".").run(execution_time=sys.argv[1], ignore_cron=True, skip_janitor=True)
print(status)
sys.exit(0 if status.is_success or status.is_nothing_to_do else 1)
