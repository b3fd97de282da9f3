#!/usr/bin/env python3
"""Makes docs/results.md of bench/results/*.json, and the tables in README.md of those that IN_README names: make_results.py [--check].

A result file is {"bench", "machine": {"cpu", "isa", "threads", ...}, "protocol", "rows": [{...}]}; a cell is a number, a text,
{"median", "spread"} or {"value", "standard_error"}. Every file becomes one table below its protocol, columns in the order of its rows' keys. With --check nothing is
written, and the exit status is 1 when either page is not what it would become.
"""

import json
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
IN_README = ["peers-amx", "peers-avx512vnni", "peers-other", "xeon-2cpu", "formats-gemma"]
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
    tables = {file.stem: table(json.loads(file.read_text())) for file in sorted((ROOT / "bench" / "results").glob("*.json"))}
    readme, page = ROOT / "README.md", ROOT / "docs" / "results.md"
    text = readme.read_text()
    body = "\n".join(tables[name] for name in IN_README if name in tables)
    made = {readme: text.split(BEGIN)[0] + BEGIN + body + END + text.split(END)[1],
            page: "# What was measured\n\nMade by tools/make_results.py of the files in bench/results; how, in [measure.md](measure.md).\n\n"
                  + "\n".join(tables.values())}
    stale = [path for path, wanted in made.items() if not path.exists() or path.read_text() != wanted]
    for path in stale:
        if "--check" in sys.argv[1:]:
            print(f"{path.name}: its results are not those of bench/results; run tools/make_results.py")
        else:
            path.write_text(made[path])
    return int(bool(stale) and "--check" in sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
