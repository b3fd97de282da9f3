#!/usr/bin/env python3
"""Megabytes of text per second through a tokenizer, and the time until it is ready, beside Hugging Face's library.

usage: bench/tokenizer_speed.py --text FILE [--binary build/release/synapse] [--repeats 5] [--out bench/results/NAME.json] FOLDER...

Each FOLDER has a tokenizer.json. Both encode the same text on one core, in turns (A B A B ...); the median and the spread
(max - min over the median) are kept, and the ids must be equal. Ours are times of whole processes: to be ready is a run on an
empty text, encoding is what a run on the text takes beyond that, the printing of its ids included. Theirs are times of the
calls alone. Wants the Python package `tokenizers`. Nothing else should run meanwhile.
"""
import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time

from tokenizers import Tokenizer


def timed(call):
    start = time.perf_counter()
    result = call()
    return time.perf_counter() - start, result


def summary(values, digits=1):
    middle = statistics.median(values)
    return {"median": round(middle, digits), "spread": round((max(values) - min(values)) / middle, 3)}


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("folders", nargs="+")
    ap.add_argument("--text", required=True)
    ap.add_argument("--binary", default="build/release/synapse")
    ap.add_argument("--repeats", type=int, default=5)
    ap.add_argument("--out")
    args = ap.parse_args()
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})

    def ours(folder, file):
        done = subprocess.run([args.binary, "tokenize", "-m", folder, "-f", file, "--ids", "--no-bos"], check=True, capture_output=True)
        return done.stdout

    with open(args.text, encoding="utf-8", newline="") as f:
        text = f.read()
    megabytes = len(text.encode()) / 1e6
    rows = []
    with tempfile.NamedTemporaryFile() as empty:
        for folder in args.folders:
            ready, encode, their_ready, their_encode = [], [], [], []
            for i in range(args.repeats):
                base, _ = timed(lambda: ours(folder, empty.name))
                whole, printed = timed(lambda: ours(folder, args.text))
                load, library = timed(lambda: Tokenizer.from_file(os.path.join(folder, "tokenizer.json")))
                took, encoding = timed(lambda: library.encode(text, add_special_tokens=False))
                ready.append(base * 1000)
                encode.append(megabytes / (whole - base))
                their_ready.append(load * 1000)
                their_encode.append(megabytes / took)
                if [int(word) for word in printed.split()] != encoding.ids:
                    sys.exit(f"{folder}: the ids differ")
                print(f"repeat {i + 1}/{args.repeats} {folder}: {ready[-1]:.0f} ms, {encode[-1]:.1f} MB/s; "
                      f"theirs {their_ready[-1]:.0f} ms, {their_encode[-1]:.1f} MB/s", file=sys.stderr)
            rows.append({"vocabulary": os.path.basename(folder.rstrip("/")), "tokens": library.get_vocab_size(),
                         "ready_ms": summary(ready), "their_ready_ms": summary(their_ready), "mb_s": summary(encode),
                         "their_mb_s": summary(their_encode),
                         "times_theirs": round(statistics.median(encode) / statistics.median(their_encode), 1)})
    doctor = json.loads(subprocess.run([args.binary, "doctor", "--json"], check=True, capture_output=True).stdout)
    result = {
        "bench": "tokenizers",
        "machine": {"cpu": doctor["cpu"], "isa": doctor["kernels"], "threads": 1, "system": platform.platform()},
        "protocol": f"{os.path.basename(args.text)}, {megabytes:.1f} MB, one core, {args.repeats} interleaved repeats, median; "
                    "beside Hugging Face tokenizers from Python",
        "rows": rows,
    }
    made = json.dumps(result, indent=1)
    if args.out:
        with open(args.out, "w") as f:
            f.write(made + "\n")
    print(made)


if __name__ == "__main__":
    main()
