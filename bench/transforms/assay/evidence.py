"""Prints the log as Markdown: `python assay/evidence.py results/assay.jsonl`. What a command says is short enough to be printed nearly whole."""

import json
import sys


def lines(entry: dict) -> list:
    (what, seen), = entry.items()
    if what == "situation":
        return ["", f"**{seen}**", ""]
    if not what.startswith("$ "):
        return [f"- {what}: {seen if isinstance(seen, str) else json.dumps(seen)}"]
    told = "; ".join(s[:230] for s in seen["said"][:10])
    return [f"- `{what[2:].replace('node assay.js', 'assay')}` exit {seen['exit']}, {seen['seconds']} s" + (f": {told}" if told else "")]


for line in open(sys.argv[1]):
    print("\n".join(lines(json.loads(line))))
