#!/usr/bin/env python3
"""Speculative decoding against plain decoding: the same tokens, and how many calls of the model they took.

usage: bench/speculative.py [--build build/release] [--prompts 200] [--tokens 48] [--out bench/results/speculative.json]

Every prompt is continued plainly and with each drafter (a model of the first half of the layers, the text itself, the
model's own first layers), greedily and at temperature 0.8; the first difference fails. Half of the prompts repeat
themselves; the last column is about those.
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from formats import machine_of


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", default="build/release")
    parser.add_argument("--prompts", type=int, default=200)
    parser.add_argument("--tokens", type=int, default=48, help="of each continuation")
    parser.add_argument("--out")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "counts.json"
        env = dict(os.environ, SYNAPSE_SPECULATIVE_PROMPTS=str(args.prompts),
                   SYNAPSE_SPECULATIVE_TOKENS=str(args.tokens), SYNAPSE_SPECULATIVE_OUT=str(out))
        program = f"{args.build}/engine_test"
        done = subprocess.run([program, "--gtest_filter=speculative_models.*"], env=env, capture_output=True, text=True)
        if done.returncode:
            sys.exit(done.stdout + done.stderr)
        result = json.loads(out.read_text())
    rows = [{"model": r["model"], "temperature": r["temperature"], "drafter": r["drafter"], "prompts": r["prompts"], "equal": r["equal"],
             "accepted": r["acceptance"], "tokens_a_pass": r["tokens_per_pass"],
             "tokens_a_pass_repetitive": r["tokens_per_pass_repetitive"]} for r in result["runs"]]
    for row in rows:
        print(json.dumps(row))
    result = {"bench": "speculative decoding", "machine": machine_of(f"{args.build}/synapse"),
              "protocol": f"{args.prompts} prompts, {result['tokens_each']} tokens each, of which half repeat themselves; equal: continuations "
                          "that are those of plain decoding, token for token; draft is a model of the first half of the layers, ngram the text "
                          "itself, early the first half of the model's own layers", "rows": rows}
    if args.out:
        Path(args.out).write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
