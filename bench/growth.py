#!/usr/bin/env python3
"""How the cost of a token grows with what stands before it, and the cost of a prompt with the model: measured, fitted and drawn.

usage: bench/growth.py DEEP MODEL... [--depths 128,512,...] [--repeats 3] [--binary build/release/synapse] [--figure docs/figures/growth.svg]
                       [--out bench/results/growth.json]

DEEP writes behind ever longer contexts: the time of a token is fitted by a + b * depth (least squares), and b is compared with the time that the keys
and values of one position take at the rate of reads measured beside it. Every MODEL reads 512 tokens: the time of one is put over the weights that its
linears multiply by. The figure is drawn by gnuplot. Nothing else should run meanwhile.
"""
import argparse
import json
import platform
import subprocess
import sys
import tempfile
from pathlib import Path

from formats import ROOT

NEW_TOKENS, PROMPT = 16, 512


def lines_of(binary, *args):
    done = subprocess.run([str(binary), "bench", *map(str, args), "--full-head", "--json"], capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr)
    return [json.loads(line) for line in done.stdout.splitlines()]


def fit(points):
    """Least squares of y = a + b x."""
    n = len(points)
    mean_x, mean_y = (sum(p[i] for p in points) / n for i in range(2))
    b = sum((x - mean_x) * (y - mean_y) for x, y in points) / sum((x - mean_x) ** 2 for x, _ in points)
    return mean_y - b * mean_x, b


def decoding(binary, model, depths, repeats):
    rows = lines_of(binary, "-m", model, "-p", 0, "-n", NEW_TOKENS, "-d", depths, "-r", repeats)
    points = [(r["n_depth"] + NEW_TOKENS / 2, 1e3 / r["tok_s"]) for r in rows]
    a, b = fit(points)
    deepest = rows[-1]
    a_position = deepest["kv_bytes"] / NEW_TOKENS / (deepest["n_depth"] + (NEW_TOKENS + 1) / 2)  # bytes
    limit = a_position / deepest["read_bytes_per_second"] * 1e3
    made = [{"model": deepest["model_type"], "test": f"tg{NEW_TOKENS} @ d{r['n_depth']}", "ms_a_token": round(1e3 / r["tok_s"], 2), "spread": round(r["spread"], 3),
             "fitted_ms": round(a + b * x, 2)} for r, (x, _) in zip(rows, points)]
    return rows, points, made, {"a_ms": round(a, 2), "b_us_a_position": round(b * 1e3, 4), "limit_us_a_position": round(limit * 1e3, 4),
                                "limit_share": round(limit / b, 3)}


def prompts(binary, models, repeats):
    rows = lines_of(binary, *[word for m in models for word in ("-m", m)], "-p", PROMPT, "-n", 0, "-r", repeats)
    points = [((r["int8_ops"] + r["float_ops"]) / 2 / PROMPT / 1e6, 1e3 / r["tok_s"]) for r in rows]
    made = [{"model": r["model_type"], "test": f"pp{PROMPT}", "ms_a_token": round(y, 4), "spread": round(r["spread"], 3), "million_weights": round(x, 2),
             "ns_a_thousand_weights": round(y / x * 1e3, 2)} for r, (x, y) in zip(rows, points)]
    return points, made


PLOT = """set terminal svg noenhanced size 900,380 font 'sans-serif,12' background '#ffffff'
set output '{figure}'
set multiplot layout 1,2
set key top left
set grid lc rgb '#dddddd'
set title 'one token behind a context, {model}'
set xlabel 'positions before it'
set ylabel 'ms'
set yrange [0:*]
plot '{folder}/decode' with points pt 7 lc rgb '#1f6fb2' title 'measured', {a} + {b} * x with lines lc rgb '#1f6fb2' title '{a:.1f} ms + {us:.2f} us a position', \\
     {a} + {limit} * x with lines dt 2 lc rgb '#999999' title 'keys and values at the rate of reads'
set title 'a token of a prompt of {prompt}'
set logscale xy
set xlabel 'million weights multiplied by'
set ylabel 'ms'
set autoscale y
plot '{folder}/prompt' with points pt 7 lc rgb '#b2521f' title 'measured', {slope} * x with lines lc rgb '#b2521f' title 'in proportion to the largest'
"""


def draw(figure, model, points, fitted, of_prompts):
    with tempfile.TemporaryDirectory() as folder:
        for name, of in (("decode", points), ("prompt", of_prompts)):
            (Path(folder) / name).write_text("".join(f"{x} {y}\n" for x, y in of))
        largest = max(of_prompts)
        script = PLOT.format(figure=figure, folder=folder, model=model, prompt=PROMPT, a=fitted["a_ms"], b=fitted["b_us_a_position"] / 1e3,
                             us=fitted["b_us_a_position"], limit=fitted["limit_us_a_position"] / 1e3, slope=largest[1] / largest[0])
        figure.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(["gnuplot"], input=script, text=True, check=True)


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("deep")
    ap.add_argument("models", nargs="+")
    ap.add_argument("--depths", default="128,512,1024,2048,4096,8192,16384")
    ap.add_argument("--repeats", type=int, default=3)
    ap.add_argument("--binary", default=ROOT / "build/release/synapse")
    ap.add_argument("--figure", type=Path, default=ROOT / "docs/figures/growth.svg")
    ap.add_argument("--out", type=Path, default=ROOT / "bench/results/growth.json")
    args = ap.parse_args()
    of_prompts, rows = prompts(args.binary, args.models, args.repeats)
    measured, points, more, fitted = decoding(args.binary, args.deep, args.depths, args.repeats)
    first = measured[0]
    draw(args.figure, first["model_type"], points, fitted, of_prompts)
    result = {"bench": "growth", "machine": {"cpu": first["cpu_info"], "isa": first["kernels"], "threads": first["n_threads"], "system": platform.platform()},
              "protocol": f"pp{PROMPT} of every model, tg{NEW_TOKENS} of {first['model_type']} behind contexts, all logits, {args.repeats} interleaved repeats, medians. "
                          f"A token behind n positions: {fitted['a_ms']} ms + {fitted['b_us_a_position']} us * n; keys and values at the measured rate of reads would take "
                          f"{fitted['limit_us_a_position']} us a position: {100 * fitted['limit_share']:.0f} % of that limit", "fit": fitted, "rows": rows + more}
    args.out.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
