#!/usr/bin/env python3
"""Rewrites the table of results in README.md from bench/results/*.json: make_results.py [--check].

A result file is {"bench", "machine": {"cpu", "isa", "threads", ...}, "protocol", "rows": [{...}]}; a cell is a number, a text,
{"median", "spread"} or {"value", "standard_error"}. Every file becomes one table below its protocol, columns in the order of its rows' keys. With --check nothing is
written, and the exit status is 1 when README.md is not what it would become.
"""

import json
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
BEGIN, END = "<!-- results: begin (tools/make_results.py) -->\n", "<!-- results: end -->"


def cell(value):
    if isinstance(value, dict) and "standard_error" in value:
        return f"{value['value']:.12g} ± {value['standard_error']:.2g}"
    if isinstance(value, dict):
        return f"{value['median']:g} ± {100 * value['spread'] / 2:.0f} %"
    return f"{value:.12g}" if isinstance(value, (int, float)) and not isinstance(value, bool) else str(value)


def table(result):
    machine, rows = result["machine"], result["rows"]
    columns = list(dict.fromkeys(name for row in rows for name in row))
    numeric = [all(isinstance(row.get(c, 0), (int, float, dict)) for row in rows) for c in columns]
    lines = ["| " + " | ".join(c.replace("_", " ") for c in columns) + " |",
             "|" + "|".join("--:" if n else "---" for n in numeric) + "|"]
    lines += ["| " + " | ".join(cell(row[c]) if c in row else "" for c in columns) + " |" for row in rows]
    where = f"{machine['cpu']}, {machine['threads']} threads, {machine['isa']}"
    return f"**{result['bench']}** on {where}: {result['protocol']}\n\n" + "\n".join(lines) + "\n"


def main():
    files = sorted((ROOT / "bench" / "results").glob("*.json"))
    tables = [table(json.loads(file.read_text())) for file in files]
    body = "\n".join(tables) if tables else "No results are recorded yet.\n"
    readme = ROOT / "README.md"
    text = readme.read_text()
    before, after = text.split(BEGIN)[0], text.split(END)[1]
    made = before + BEGIN + body + END + after
    if "--check" in sys.argv[1:]:
        if made != text:
            print("README.md: its results are not those of bench/results; run tools/make_results.py")
        return int(made != text)
    readme.write_text(made)
    return 0


if __name__ == "__main__":
    sys.exit(main())
