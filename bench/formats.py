#!/usr/bin/env python3
"""What each storage format costs and keeps: bytes, perplexity, KL divergence from the model it was made of, agreement on the likeliest token.

usage: bench/formats.py MODEL TEXT [--name NAME] [--types Q8_0,Q4_K_M,...] [--chunks N] [-c N] [--pure] [--imatrix FILE]
                        [--binary build/release/synapse] [--out bench/results/NAME.json]

MODEL is quantised to every type (default: all that `synapse quantize` knows) in a temporary folder and measured by `synapse eval kl`
against an F32 copy of itself. The numbers do not depend on the machine: nothing need be quiet.
"""
import argparse
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def synapse(binary, *args):
    done = subprocess.run([binary, *map(str, args)], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{binary} {' '.join(map(str, args))}: exit {done.returncode}: {done.stderr.strip()}")
    return done.stdout


def known_types(binary):
    refused = subprocess.run([binary, "quantize", "x", "nosuch"], capture_output=True, text=True).stderr
    return re.search(r"there are: (.*)", refused).group(1).split()


def with_error(value, digits):
    return {"value": round(value["value"], digits), "standard_error": round(value["standard_error"], digits)}


def row_of(kind, path, result, weights):
    bits = 8 * weights["bytes"] / weights["weights"]
    return {"type": kind, "bits_a_weight": round(bits, 3), "file_bytes": os.path.getsize(path), "perplexity": with_error(result["perplexity"], 3),
            "mean_KL": with_error(result["kl"], 6), "KL_99.9_%": round(result["kl_quantiles"]["0.999"], 4),
            "same_top_token": with_error(result["top1_agreement"], 4)}


def machine_of(binary):
    doctor = json.loads(synapse(binary, "doctor", "--json"))
    return {"cpu": doctor["cpu"], "isa": doctor["kernels"], "threads": doctor["threads"], "system": platform.platform()}


def protocol_of(result):
    p, text = result["protocol"], result["text"]
    return (f"{text['file']} (sha256 {text['sha256'][:12]}), first {p['windows']} windows of {p['window']} tokens, BOS {p['bos']}, "
            f"second half of each scored: {p['tokens_scored']} tokens")


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("model")
    ap.add_argument("text")
    ap.add_argument("--name", help="of the model, in the table")
    ap.add_argument("--types")
    ap.add_argument("--chunks", type=int, help="windows (default: the whole text)")
    ap.add_argument("-c", "--ctx-size", type=int, default=0)
    ap.add_argument("--pure", action="store_true")
    ap.add_argument("--imatrix")
    ap.add_argument("--binary", default=str(ROOT / "build/release/synapse"))
    ap.add_argument("--out")
    args = ap.parse_args()

    more = (["--pure"] if args.pure else []) + (["--imatrix", args.imatrix] if args.imatrix else [])
    window = (["--chunks", args.chunks] if args.chunks else []) + (["-c", args.ctx_size] if args.ctx_size else [])
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        base, path = f"{folder}/f32.gguf", f"{folder}/model.gguf"
        synapse(args.binary, "quantize", args.model, base, "F32", "--allow-requantize")
        for kind in args.types.split(",") if args.types else known_types(args.binary):
            plan = json.loads(synapse(args.binary, "quantize", base, path, kind, *more, "--dry-run", "--json"))
            synapse(args.binary, "quantize", base, path, kind, *more, "--force")
            result = json.loads(synapse(args.binary, "eval", "kl", "-m", path, "--base", base, "-f", args.text, *window, "--json"))
            rows.append(row_of(kind, path, result, plan))
            print(json.dumps(rows[-1]), file=sys.stderr, flush=True)
    name = args.name or Path(args.model).stem
    result = {
        "bench": f"formats of {name}",
        "machine": machine_of(args.binary),
        "protocol": protocol_of(result) + "; base: the same weights as F32; ± is a standard error"
                    + ("; every matrix of the type's own format" if args.pure else "; the mixes of `synapse quantize`")
                    + ("; with an imatrix" if args.imatrix else ""),
        "text": result["text"],
        "rows": rows,
    }
    made = json.dumps(result, indent=1)
    if args.out:
        Path(args.out).write_text(made + "\n")
    print(made)


if __name__ == "__main__":
    main()
