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
    result["command"] = f"bench/speculative.py --prompts {args.prompts} --tokens {args.tokens}"
    print(f"{'model':24} {'temp':>4} {'drafter':8} {'prompts':>7} {'accepted':>9} {'tokens/call':>12} {'repetitive':>11}")
    for r in result["runs"]:
        print(f"{r['model']:24} {r['temperature']:4} {r['drafter']:8} {r['prompts']:7} {r['acceptance']:8.1%} "
              f"{r['tokens_per_pass']:12.2f} {r['tokens_per_pass_repetitive']:11.2f}")
    if args.out:
        Path(args.out).write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
