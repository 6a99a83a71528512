# delta-rs for the benchmark of the lake: one command a line, seconds by the clock and of processor time as the answer.
import sys
import time

from deltalake import DeltaTable, QueryBuilder

kept = None
for line in sys.stdin:
    command, _, argument = line.strip().partition(" ")
    began, used = time.perf_counter(), time.process_time()
    if command == "open":
        kept = DeltaTable(argument)
        found = len(kept.file_uris())
    elif command == "update":
        kept.update_incremental()
        found = len(kept.file_uris())
    else:
        path, _, sql = argument.partition(" ")
        found = QueryBuilder().register("t", DeltaTable(path)).execute(sql).read_all().num_rows
    print(time.perf_counter() - began, time.process_time() - used, found, flush=True)
