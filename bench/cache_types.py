#!/usr/bin/env python3
"""What each type of the key-value cache costs and keeps: bytes a token, KL divergence from a float32 cache, agreement on the likeliest token.

usage: bench/cache_types.py MODEL TEXT [--name NAME] [--chunks N] [-c N] [--binary build/release/synapse] [--out bench/results/NAME.json]

The model itself with a float32 cache is the base of `synapse eval kl`. The numbers do not depend on the machine: nothing need be quiet.
"""
import argparse
import json
import sys
from pathlib import Path

from formats import ROOT, machine_of, protocol_of, synapse, with_error

TYPES = [("f32", "f32"), ("f16", "f16"), ("q8_0", "q8_0"), ("q8_0", "q4_0"), ("q4_0", "q8_0"), ("q4_0", "q4_0")]


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("model")
    ap.add_argument("text")
    ap.add_argument("--name", help="of the model, in the table")
    ap.add_argument("--chunks", type=int, help="windows (default: the whole text)")
    ap.add_argument("-c", "--ctx-size", type=int, default=0)
    ap.add_argument("--binary", default=str(ROOT / "build/release/synapse"))
    ap.add_argument("--out")
    args = ap.parse_args()

    window = (["--chunks", args.chunks] if args.chunks else []) + (["-c", args.ctx_size] if args.ctx_size else [])
    rows = []
    for k, v in TYPES:
        kinds = ["--cache-type-k", k, "--cache-type-v", v]
        plans = [json.loads(synapse(args.binary, "show", "-m", args.model, "-c", n, *kinds, "--json"))["plan"]["cache"] for n in (64, 128)]
        result = json.loads(synapse(args.binary, "eval", "kl", "-m", args.model, "--base", args.model, *kinds, "--base-cache-type", "f32",
                                    "-f", args.text, *window, "--json"))
        rows.append({"keys": k, "values": v, "bytes_a_token": (plans[1] - plans[0]) / 64, "perplexity": with_error(result["perplexity"], 3),
                     "mean_KL": with_error(result["kl"], 6), "KL_99.9_%": round(result["kl_quantiles"]["0.999"], 4),
                     "same_top_token": with_error(result["top1_agreement"], 4)})
        print(json.dumps(rows[-1]), file=sys.stderr, flush=True)
    made = json.dumps({"bench": f"types of the cache of {args.name or Path(args.model).stem}", "machine": machine_of(args.binary),
                       "protocol": protocol_of(result) + "; base: the same with an f32 cache; ± is a standard error", "text": result["text"],
                       "rows": rows}, indent=1)
    if args.out:
        Path(args.out).write_text(made + "\n")
    print(made)


if __name__ == "__main__":
    main()
