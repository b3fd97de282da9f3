#!/usr/bin/env python3
"""From nothing to a first token: a process that loads a model, reads a prompt of 64 tokens and ends, beside the peers, A B A B.

usage: bench/load.py MODEL... [-t 2] [-r 7] [--peers llama.cpp,ik_llama.cpp] [--binary build/release/synapse] [--out bench/results/load.json]

Ours is `synapse run` of a text of 64 tokens, which writes one more: its weights packed when opened, mapped from a file of `synapse pack`, and read as they lie in the
file (--no-repack). The peers' is their llama-bench with one prompt of 64 tokens, without warm-up; it neither splits a text nor writes. Times are of the
whole process. Warm: the files are in the system's cache; cold: their pages were dropped from it before (what a host of this machine
keeps is still there). Memory is the most that was resident, pages of mapped files among it. Nothing else should run meanwhile.
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
from pathlib import Path

from formats import ROOT

TOKENS = 64
WORDS = "The quick brown fox jumps over the lazy dog, and all of the small animals of the forest look up from what they do, for it is late. " * 8
PEERS = {"llama.cpp": ["-fa", "1", "--no-warmup"], "ik_llama.cpp": ["-fa", "1", "--warmup", "0"]}


def run(command, env):
    start = time.monotonic()
    process = subprocess.Popen([str(word) for word in command], env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    errors = process.stderr.read()
    _, status, used = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"{' '.join(map(str, command))}: exit {status}: {errors.strip()[-400:]}")
    return time.monotonic() - start, used.ru_maxrss * 1024


def forget(path):
    with open(path, "rb") as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def text_of(binary, model, n_tokens):
    """The beginning of WORDS that is so many tokens."""
    for end in range(2, len(WORDS)):
        if len(subprocess.run([binary, "tokenize", "-m", model, "-p", WORDS[:end]], capture_output=True, text=True).stdout.splitlines()) == n_tokens:
            return WORDS[:end]
    sys.exit(f"{model}: no beginning of the text is {n_tokens} tokens")


def summary(values, digits):
    middle = statistics.median(values)
    return {"median": round(middle, digits), "spread": round((max(values) - min(values)) / middle, 3)}


def measure(args, peers, model, folder):
    packs = dict(os.environ, XDG_CACHE_HOME=str(folder))
    pack = subprocess.run([args.binary, "pack", "-m", model], env=packs, capture_output=True, text=True, check=True).stdout.strip()
    ours = [args.binary, "run", "-m", model, "-p", text_of(args.binary, model, TOKENS), "-n", "1", "-t", args.threads, "--temp", "0"]
    bare = dict(os.environ, XDG_CACHE_HOME=str(Path(folder) / "none"))
    forms = {
        "synapse, packed file": (ours, packs, pack),
        "synapse, packs": (ours, bare, model),
        "synapse, --no-repack": ([*ours, "--no-repack"], bare, model),
    }
    for name, bench in peers.items():
        forms[name] = ([bench, "-m", model, "-p", TOKENS, "-n", "0", "-r", "1", "-t", args.threads, *PEERS[name]], None, model)
    seconds = {(form, state): [] for form in forms for state in ("warm", "cold")}
    memory = {form: [] for form in forms}
    for state in ("warm", "cold"):
        for turn in range(args.repeats + (state == "warm")):
            for form, (command, env, file) in forms.items():
                if state == "cold":
                    forget(model), forget(file)
                took, resident = run(command, env)
                if state == "cold" or turn > 0:  # the first warm one is what makes it warm
                    seconds[form, state].append(took)
                    memory[form].append(resident)
    best = {state: min(statistics.median(seconds[peer, state]) for peer in peers) for state in ("warm", "cold")} if peers else {}
    rows = []
    for form in forms:
        row = {"model": Path(model).stem, "form": form}
        for state in ("warm", "cold"):
            row[f"{state}_s"] = summary(seconds[form, state], 3)
            if best:
                row[f"{state}_of_best_peer"] = round(statistics.median(seconds[form, state]) / best[state], 2)
        row["resident_MB"] = round(max(memory[form]) / 1e6)
        row["of_file"] = round(max(memory[form]) / os.path.getsize(model), 3)
        rows.append(row)
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+")
    parser.add_argument("-t", "--threads", default="2")
    parser.add_argument("-r", "--repeats", type=int, default=7)
    parser.add_argument("--peers", default="llama.cpp,ik_llama.cpp")
    parser.add_argument("--binary", default=str(ROOT / "build/release/synapse"))
    parser.add_argument("--out", type=Path, default=ROOT / "bench/results/load.json")
    args = parser.parse_args()
    peers = {name: subprocess.run([ROOT / "bench/peers/build.sh", name], capture_output=True, text=True, check=True).stdout.strip()
             for name in args.peers.split(",") if name}
    with tempfile.TemporaryDirectory(dir=Path(args.models[0]).parent) as folder:
        rows = [row for model in args.models for row in measure(args, peers, model, folder)]
    doctor = json.loads(subprocess.run([args.binary, "doctor", "--json"], capture_output=True, text=True, check=True).stdout)
    args.out.write_text(json.dumps({
        "bench": "load to first token",
        "machine": {"cpu": doctor["cpu"], "isa": doctor["kernels"], "threads": int(args.threads), "system": platform.platform()},
        "protocol": f"a process that loads and reads {TOKENS} tokens, {args.repeats} rounds, A B A B, medians of the whole process's time; memory is the most resident",
        "rows": rows,
    }, indent=1) + "\n")
    for row in rows:
        print(row)


if __name__ == "__main__":
    main()
