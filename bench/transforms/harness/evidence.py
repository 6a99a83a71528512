"""Prints the log of a comparison as Markdown: `python -m harness.evidence results/dbt.jsonl` from this folder's parent."""

import json
import re
import sys

# Of a command's lines, those that tell how it ended or what it decided.
TELLING = re.compile(r"ERROR|FAIL|[Ff]ailed|[Ee]rror:|error:|WARN|Nothing|duplicate|does not exist|[Bb]reaking|CompletionStatus|Done\.|^\* `|Batch 1 of 2 START", re.I)
# Those come first: only some lines are printed.
BAD = re.compile(r"ERROR|FAIL|error|duplicate|does not exist|WARN")
CLOCK = re.compile(r"^\d\d:\d\d:\d\d ")


def lines(entry: dict) -> list:
    (what, seen), = entry.items()
    if what == "situation":
        return ["", f"**{seen}**", ""]
    if not what.startswith("$ "):
        return [f"- {what}: {seen if isinstance(seen, str) else json.dumps(seen)}"]
    said = [CLOCK.sub("", s) for s in seen["said"] if TELLING.search(s)]
    said.sort(key=lambda s: BAD.search(s) is None)
    told = "; ".join(re.sub(r" ?\.{3,}", "", s)[:110] for s in said[:6])
    return [f"- `{what[2:]}` exit {seen['exit']}, {seen['seconds']} s" + (f": {told}" if told else "")]


for line in open(sys.argv[1]):
    print("\n".join(lines(json.loads(line))))
