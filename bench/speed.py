#!/usr/bin/env python3
"""What `synapse bench` says of several models, as a table of results.

usage: bench/speed.py [--binary build/release/synapse] [--repeats 5] [--out bench/results/NAME.json] MODEL...

MODEL is what -m takes. One run measures all of them, A B A B; docs/performance.md says how. Nothing else should run meanwhile.
"""
import argparse
import json
import platform
import subprocess
import sys

PROMPT_TOKENS, NEW_TOKENS = 128, 64


def synapse(binary, *args):
    done = subprocess.run([binary, *args], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{binary} {' '.join(args)}: exit {done.returncode}: {done.stderr.strip()}")
    return [json.loads(line) for line in done.stdout.splitlines()]


def summary(row):
    return {"median": round(row["tok_s"], 1), "spread": round(row["spread"], 3)}


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("models", nargs="+")
    ap.add_argument("--binary", default="build/release/synapse")
    ap.add_argument("--repeats", type=int, default=5)
    ap.add_argument("--out")
    args = ap.parse_args()

    flags = [word for model in args.models for word in ("-m", model)]
    tests = synapse(args.binary, "bench", *flags, "-p", str(PROMPT_TOKENS), "-n", str(NEW_TOKENS), "-r", str(args.repeats), "--full-head", "--json")
    rows = []
    for read, written in zip(tests[::2], tests[1::2]):
        rows.append({
            "model": read["model_type"],
            "weight_mb": round(read["model_size"] / 1e6, 1),
            "prefill_tok_s": summary(read),
            "prefill_roofline": round(read["roofline"], 3),
            "decode_tok_s": summary(written),
            "decode_roofline": round(written["roofline"], 3),
            "read_gb_s": round(written["read_bytes_per_second"] / 1e9, 1),
            "int8_gop_s": round(read["int8_ops_per_second"] / 1e9),
        })
    result = {
        "bench": "speed",
        "machine": {"cpu": tests[0]["cpu_info"], "isa": tests[0]["kernels"], "threads": tests[0]["n_threads"], "system": platform.platform()},
        "protocol": f"a prompt of {PROMPT_TOKENS} tokens, {NEW_TOKENS} greedy tokens, all logits of each, {args.repeats} interleaved repeats, median",
        "rows": rows,
    }
    text = json.dumps(result, indent=1)
    if args.out:
        with open(args.out, "w") as f:
            f.write(text + "\n")
    print(text)


if __name__ == "__main__":
    main()
