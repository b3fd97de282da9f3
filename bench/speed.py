#!/usr/bin/env python3
"""Tokens per second of whole runs, read and written, with the share of the memory bandwidth measured beside them.

usage: bench/speed.py [--binary build/release/synapse] [--repeats 5] [--out bench/results/NAME.json] MODEL...

MODEL is what `synapse run -m` takes. Repeats are interleaved over the models (A B A B ...), the median and the spread
(max - min over the median) are kept. Nothing else should run meanwhile.
"""
import argparse
import json
import os
import platform
import statistics
import subprocess
import sys

PROMPT_TOKENS, NEW_TOKENS = 128, 64


def synapse(binary, *args):
    done = subprocess.run([binary, *args], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{binary} {' '.join(args)}: exit {done.returncode}: {done.stderr.strip()}")
    return json.loads(done.stdout)


def one_run(binary, model, threads):
    """A prompt of about PROMPT_TOKENS tokens and NEW_TOKENS greedy ones."""
    words = " ".join(["once upon a time there was a little girl who liked to play"] * (PROMPT_TOKENS // 12))
    r = synapse(binary, "run", "-m", model, "-p", words, "-n", str(NEW_TOKENS), "--temp", "0", "-t", str(threads), "--json")
    return {
        "prefill": r["prompt_tokens"] / r["prefill_ms"] * 1000,
        "decode": r["generated_tokens"] / r["decode_ms"] * 1000,
    }


def summary(values):
    middle = statistics.median(values)
    return {"median": round(middle, 1), "spread": round((max(values) - min(values)) / middle, 3)}


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("models", nargs="+")
    ap.add_argument("--binary", default="build/release/synapse")
    ap.add_argument("--repeats", type=int, default=5)
    ap.add_argument("--out")
    args = ap.parse_args()

    doctor = synapse(args.binary, "doctor", "--json")
    threads = doctor["threads"]
    runs = {m: [] for m in args.models}
    for i in range(args.repeats):
        for m in args.models:
            runs[m].append(one_run(args.binary, m, threads))
            print(f"repeat {i + 1}/{args.repeats} {m}: {runs[m][-1]}", file=sys.stderr)

    bandwidth = round(doctor["read_bytes_per_second"] / 1e9, 1)
    rows = []
    for m in args.models:
        weights = synapse(args.binary, "show", "-m", m, "--json")["plan"]["weights"]
        decode = summary([r["decode"] for r in runs[m]])
        rows.append({
            "model": os.path.basename(m.rstrip("/")),
            "weight_mb": round(weights / 1e6, 1),
            "prefill_tok_s": summary([r["prefill"] for r in runs[m]]),
            "decode_tok_s": decode,
            "decode_share_of_bandwidth": round(decode["median"] * weights / 1e9 / bandwidth, 3),
        })
    result = {
        "bench": "speed",
        "machine": {"cpu": doctor["cpu"], "isa": doctor["kernels"], "threads": threads,
                    "read_bandwidth_gb_s": bandwidth, "system": platform.platform()},
        "protocol": f"prompt of about {PROMPT_TOKENS} tokens, {NEW_TOKENS} greedy tokens, {args.repeats} interleaved repeats, median",
        "rows": rows,
    }
    text = json.dumps(result, indent=1)
    if args.out:
        with open(args.out, "w") as f:
            f.write(text + "\n")
    print(text)


if __name__ == "__main__":
    main()
