#!/usr/bin/env python3
"""Computes the logits of every golden with the binary and writes tests/golden/results.json, from which docs/models.md is made.

Takes NumPy. The binary is the one that SYNAPSE_BINARY names (default: build/release/synapse). Language models of tests/golden, and where
the folder of outside data is ($SYNAPSE_TEST_DATA, else ../shared/data) its small trained-size models of tiny-hf. An error is the largest
difference of any compared logit, in units of the reference's standard deviation.
"""
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests/golden"))
from formula import write_folder  # noqa: E402

BINARY = os.environ.get("SYNAPSE_BINARY", str(ROOT / "build/release/synapse"))
OUTSIDE = Path(os.environ.get("SYNAPSE_TEST_DATA", ROOT.parent / "shared/data")) / "tiny-hf"


def logits(folder, ids):
    out = Path(folder) / "logits.npy"
    run = subprocess.run([BINARY, "logits", "-m", str(folder), "--ids", " ".join(map(str, ids)), "--all", "-o", str(out)], capture_output=True, text=True)
    if run.returncode:
        raise RuntimeError(run.stderr.strip().splitlines()[-1])
    return np.load(out).astype(np.float64)


def formula_golden(golden, folder):
    write_folder(golden, folder)
    worst = 0
    for case in golden["cases"]:
        off = np.abs(logits(folder, case["ids"])[case["positions"]] - np.array(case["logits"])).max()
        worst = max(worst, off / case["std"])
    return worst


def tiny_golden(name, folder):
    reference = json.loads((OUTSIDE / f"{name}_logits.json").read_text())
    worst = 0
    for ids, wanted in zip(reference["sequences"], reference["logits"]):
        wanted = np.array(wanted)
        worst = max(worst, np.abs(logits(folder, ids) - wanted).max() / wanted.std())
    return worst


def known_types():
    return {t for f in ROOT.glob("models/*/weights.json") for t in json.loads(f.read_text())["hf_model_types"]}


def main():
    rows, failed = [], 0

    def check(name, source, model_type, compare):
        nonlocal failed
        with tempfile.TemporaryDirectory() as folder:
            try:
                error = float(f"{compare(folder):.2g}")
                rows.append({"checkpoint": name, "source": source, "model_type": model_type, "error": error})
                print(f"{name:28} {error:.1e}")
            except RuntimeError as refused:
                failed += 1
                print(f"{name:28} {refused}")

    for file in sorted((ROOT / "tests/golden").glob("*.json")):
        golden = json.loads(file.read_text())
        if isinstance(golden, dict) and golden.get("kind") == "lm":
            check(golden["name"], f"{golden['class']}, transformers {golden['transformers']}", golden["config"]["model_type"],
                  lambda folder: formula_golden(golden, folder))
    types = known_types()
    for file in sorted(OUTSIDE.glob("tiny_*_logits.json")):
        name = file.name.removesuffix("_logits.json")
        config, weights = OUTSIDE / f"{name}_config.json", OUTSIDE / f"{name}.safetensors"
        if not config.exists() or not weights.exists():
            continue
        keys = json.loads(config.read_text())
        if keys.get("model_type") not in types or not keys.get("architectures", [""])[0].endswith("ForCausalLM"):
            continue

        def compare(folder):
            shutil.copy(config, f"{folder}/config.json")
            shutil.copy(weights, f"{folder}/model.safetensors")
            return tiny_golden(name, folder)
        check(name, "transformers", keys["model_type"], compare)
    (ROOT / "tests/golden/results.json").write_text(json.dumps(rows, indent=1) + "\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
