#!/usr/bin/env python3
"""The reduced head against the whole one: the same text, and how much of the head it reads.

usage: bench/reduced_head.py MODEL TEXT [--name NAME] [--pieces 25] [--tokens 100] [--binary build/release/synapse] [--out bench/results/NAME.json]

MODEL is given pieces of TEXT, and continues each with every sampler below with and without --full-head; the first difference fails. The share is of
`synapse bench`: rows of the head computed in full while 64 tokens follow 64 of the text, greedily, and so are the rates, A B A B.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from formats import ROOT, machine_of, synapse

SAMPLERS = {
    "greedy": ["--temp", "0"],
    "temperature 0.8": ["--temp", "0.8", "--top-k", "0", "--top-p", "1", "--min-p", "0"],
    "temperature 0.8, min-p 0.05 first": ["--temp", "0.8", "--top-k", "0", "--top-p", "1", "--min-p", "0.05"],
    "temperature 0.7, top-k 8, repeat penalty 1.1": ["--temp", "0.7", "--top-k", "8", "--repeat-penalty", "1.1"],
    "the defaults (top-k 40)": [],
}
REPEATS = 5


def write(binary, model, piece, seed, tokens, more):
    done = subprocess.run([binary, "run", "-m", model, "-f", piece, "-n", str(tokens), "--seed", str(seed), "--ignore-eos", *more], capture_output=True)
    if done.returncode:
        sys.exit(done.stderr.decode())
    return done.stdout


def measured(binary, model, text, *more):
    args = ["bench", "-m", model, "-p", "0", "-n", "64", "-d", "64", "-r", "1", "-f", text, "--json", *more]
    return json.loads(synapse(binary, *args))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("text")
    parser.add_argument("--name")
    parser.add_argument("--pieces", type=int, default=25)
    parser.add_argument("--tokens", type=int, default=100)
    parser.add_argument("--binary", default=str(ROOT / "build/release/synapse"))
    parser.add_argument("--out")
    args = parser.parse_args()
    words = Path(args.text).read_text(errors="replace").split()
    step = len(words) // args.pieces
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for sampler, flags in SAMPLERS.items():
            for i in range(args.pieces):
                piece = Path(folder) / "piece"
                piece.write_text(" ".join(words[i * step: i * step + 60]))
                ours, whole = (write(args.binary, args.model, piece, i, args.tokens, [*flags, *more]) for more in ([], ["--full-head"]))
                if ours != whole:
                    sys.exit(f"{sampler}, piece {i}:\n{ours.decode(errors='replace')}\n--- with the whole head\n{whole.decode(errors='replace')}")
            rows.append({"sampler": sampler, "tokens": args.pieces * args.tokens, "differences": 0})
            print(json.dumps(rows[-1]), file=sys.stderr, flush=True)
    runs = [(measured(args.binary, args.model, args.text), measured(args.binary, args.model, args.text, "--full-head")) for _ in range(REPEATS)]
    rate = [statistics.median(run[i]["tok_s"] for run in runs) for i in range(2)]
    rows[0] |= {"rows_in_full": round(runs[0][0]["head_rows_share"], 4), "tokens_a_second": round(rate[0], 1), "with_the_whole_head": round(rate[1], 1),
                "ratio": round(rate[0] / rate[1], 2)}
    result = {"bench": f"the reduced head of {args.name or Path(args.model).stem}", "machine": machine_of(args.binary),
              "protocol": f"{args.pieces} pieces of 60 words of {os.path.basename(args.text)}, {args.tokens} tokens each, equal byte by byte with and "
                          f"without --full-head; share and rates: tg64 behind 64 tokens of the text, medians of {REPEATS} interleaved runs", "rows": rows}
    made = json.dumps(result, indent=1)
    if args.out:
        Path(args.out).write_text(made + "\n")
    print(made)


if __name__ == "__main__":
    main()
