#!/usr/bin/env python3
"""Writes what `synapse VERB --help` says into docs/cli.md, between its markers. --check only says whether it is there.

The binary is the one that SYNAPSE_BINARY names (default: build/release/synapse).
"""
import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BINARY = os.environ.get("SYNAPSE_BINARY", str(ROOT / "build/release/synapse"))
PAGE = ROOT / "docs/cli.md"
BEGIN, END = "<!-- help: begin (tools/make_cli_doc.py) -->\n", "<!-- help: end -->\n"


def help_of(*verb):
    environment = {k: v for k, v in os.environ.items() if not k.startswith("SYNAPSE_")}
    text = subprocess.run([BINARY, *verb, "--help"], capture_output=True, check=True, env=environment, text=True).stdout
    return "\n".join(line.rstrip() for line in text.strip("\n").splitlines()) + "\n"


def section():
    top = help_of()
    verbs = re.findall(r"^  (\w+) +\S", top.split("Subcommands:\n")[1].split("\n\n")[0], re.M)
    out = f"```\n{top}```\n"
    for verb in verbs:
        out += f"\n### synapse {verb}\n\n```\n{help_of(verb)}```\n"
    return out


def main():
    page = PAGE.read_text()
    before, rest = page.split(BEGIN)
    wanted = before + BEGIN + section() + END + rest.split(END)[1]
    if page == wanted:
        return 0
    if "--check" in sys.argv[1:]:
        print("docs/cli.md is not what --help says; run tools/make_cli_doc.py", file=sys.stderr)
        return 1
    PAGE.write_text(wanted)
    return 0


if __name__ == "__main__":
    sys.exit(main())
