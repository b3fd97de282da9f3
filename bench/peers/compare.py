#!/usr/bin/env python3
"""The same files through `synapse bench` and a peer's llama-bench, A B A B, and both as shares of this machine's best.

usage: bench/peers/compare.py [-p 512,64] [-n 64] [-d 0] [-t 2] [-r 5] [--repeats 1] [-f TEXT] [--peer llama.cpp] [--out FILE.json] MODEL...

MODEL is a GGUF file, or a name of one that `synapse list` shows. A round is one run of ours and of the peer with each of its settings; each
warms up and runs every test --repeats times. Of the peer's settings the one with the best median counts, test by test. The roofline is
that of our runs (docs/performance.md), for both. All logits are computed (--full-head); with -f as many tokens are also written behind 64 of
TEXT with the reduced head, beside the same runs of the peer, whose time no text changes. Without --out the result is bench/results/peers-MACHINE.json, MACHINE being amx,
avx512vnni or other; tests of models in there that were not measured now stay. Nothing else should run meanwhile.
"""
import argparse
import json
import platform
import statistics
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "bench/results"
SETTINGS = {  # flags of its llama-bench
    "llama.cpp": {"fa on": ["-fa", "1"], "fa off": ["-fa", "0"]},
    "ik_llama.cpp": {"fa on": ["-fa", "1"], "fa off": ["-fa", "0"], "fa on, repacked": ["-fa", "1", "-rtr", "1"]},
}


def output_of(*command):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))}: exit {done.returncode}: {done.stderr.strip()[-400:]}")
    return done.stdout


def lines_of(*command):
    return [json.loads(line) for line in output_of(*command).splitlines() if line.startswith("{")]


def machine_kind(doctor):
    if "amx_int8" in doctor["features"]:
        return "amx"
    return "avx512vnni" if "avx512_vnni" in doctor["features"] else "other"


def name_of(row):
    """What we call a test of llama-bench's."""
    name = f"pp{row['n_prompt']}" if row["n_prompt"] else ""
    if row["n_gen"]:
        name += f"{'+' if name else ''}tg{row['n_gen']}"
    return name + (f" @ d{row['n_depth']}" if row.get("n_depth") else "")


def summary(values):
    middle = statistics.median(values)
    return {"median": round(middle, 1), "spread": round((max(values) - min(values)) / middle, 3)}


def measure(args, peer, model):
    """The model's name, {test: {"ours" or a setting of the peer: [tok/s]}} and {test: [roofline in tok/s]}."""
    path = lines_of(args.binary, "bench", "-m", model, "-p", "1", "-n", "0", "-r", "1", "--json")[0]["model_filename"]
    tests = ["-m", path, "-p", args.n_prompt, "-n", args.n_gen, "-t", args.threads, "-r", args.repeats]
    tests += ["-d", args.n_depth] if args.n_depth != "0" else []
    rates, best, reduced = {}, {}, {}
    for i in range(args.rounds):
        for row in lines_of(args.binary, "bench", *tests, "--full-head", "--json"):
            rates.setdefault(row["test"], {}).setdefault("ours", []).extend(row["samples_ts"])
            best.setdefault(row["test"], []).append(row["roofline_tok_s"])
        if args.file:
            for row in lines_of(args.binary, "bench", "-m", path, "-p", "0", "-n", args.n_gen, "-d", "64", "-t", args.threads, "-r", args.repeats, "-f", args.file, "--json"):
                if row["head_rows_share"] is not None:
                    reduced.setdefault(f"tg{row['n_gen']}", []).extend(row["samples_ts"])
        for setting, flags in SETTINGS[args.peer].items():
            for row in json.loads(output_of(peer, *tests, *flags, "-o", "json")):
                rates[name_of(row)].setdefault(setting, []).extend(row["samples_ts"])
        print(f"{Path(path).stem}: round {i + 1} of {args.rounds}", file=sys.stderr)
    for test, ours in reduced.items():  # no share: it reads less than the roofline counts
        rates[f"{test}, reduced head"] = rates[test] | {"ours": ours}
    return Path(path).stem, rates, best


def rows_of(name, rates, best, peer):
    rows = []
    for test, by in rates.items():
        setting = max((s for s in by if s != "ours"), key=lambda s: statistics.median(by[s]))
        mine, theirs = summary(by["ours"]), summary(by[setting])
        row = {"model": name, "test": test, "synapse_tok_s": mine, f"{peer}_tok_s": theirs, "its_setting": setting,
               "ratio": round(mine["median"] / theirs["median"], 2)}
        if test in best:
            roofline = statistics.median(best[test])
            row |= {"synapse_share": round(mine["median"] / roofline, 3), f"{peer}_share": round(theirs["median"] / roofline, 3)}
        rows.append(row)
    return rows


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("models", nargs="+")
    ap.add_argument("-p", "--n-prompt", default="512,64")
    ap.add_argument("-n", "--n-gen", default="64")
    ap.add_argument("-d", "--n-depth", default="0")
    ap.add_argument("-t", "--threads", default="2")
    ap.add_argument("-r", "--rounds", type=int, default=5)
    ap.add_argument("--repeats", type=int, default=1)
    ap.add_argument("-f", "--file", help="a text")
    ap.add_argument("--peer", default="llama.cpp", choices=SETTINGS)
    ap.add_argument("--binary", default=ROOT / "build/release/synapse")
    ap.add_argument("--out", type=Path)
    args = ap.parse_args()

    peer = output_of(ROOT / "bench/peers/build.sh", args.peer).strip()
    doctor = json.loads(output_of(args.binary, "doctor", "--json", "-t", args.threads))
    kind = machine_kind(doctor)
    rows = [row for model in args.models for row in rows_of(*measure(args, peer, model), args.peer)]

    out = args.out or RESULTS / f"peers-{kind}{'' if args.peer == 'llama.cpp' else '-ik'}.json"
    measured = {(row["model"], row["test"]) for row in rows}
    kept = [row for row in json.loads(out.read_text())["rows"] if (row["model"], row["test"]) not in measured] if out.exists() else []
    result = {
        "bench": f"beside {args.peer}",
        "machine": {"kind": kind, "cpu": doctor["cpu"], "isa": doctor["kernels"], "threads": int(args.threads),
                    "read_bandwidth_gb_s": round(doctor["read_bytes_per_second"] / 1e9, 1), "system": platform.platform()},
        "protocol": f"{args.rounds} rounds of {args.repeats}, A B A B, medians; {Path(peer).parents[2].name} with the best of its settings "
                    f"({'; '.join(SETTINGS[args.peer])}); shares are of the roofline measured in our runs",
        "rows": sorted(kept + rows, key=lambda row: row["model"]),
    }
    out.write_text(json.dumps(result, indent=1) + "\n")
    sys.path.insert(0, str(ROOT / "tools"))
    from make_results import table
    print(table(result))


if __name__ == "__main__":
    main()
