#!/usr/bin/env python3
"""Writes docs/models.md from models/*/ and the results that tools/check_goldens.py recorded. --check only says whether it is up to date."""
import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs/models.md"
HEAD = """# Models

Made by `tools/make_models_doc.py` from `models/` and `tests/golden/results.json` (`tools/check_goldens.py`). How a family is added:
[add-a-model.md](add-a-model.md).

A family reads GGUF files of its architectures and, where model types are given, Hugging Face folders. The error is the largest
difference between our logits in float32 and those of the named reference, in units of their standard deviation, over prompts of up to 300
tokens; the checkpoints are small ones with random weights, by formula (`tests/golden`) or given (`tiny_*`). Encoders have tests of their own.

| family | GGUF architecture | Hugging Face model_type | checked with | error |
|---|---|---|---|--:|
"""


def main():
    results = json.loads((ROOT / "tests/golden/results.json").read_text())
    text = HEAD
    for folder in sorted(f.parent for f in ROOT.glob("models/*/model.json")):
        model = json.loads((folder / "model.json").read_text())
        weights = folder / "weights.json"
        foreign = json.loads(weights.read_text()) if weights.exists() else {}
        types, architectures = foreign.get("hf_model_types", []), model["architectures"] or foreign["gguf_architectures"]
        rows = [r for r in results if r["model_type"] in types]
        checked = "<br>".join(f"{r['checkpoint']} ({r['source']})" for r in rows) or "-"
        errors = "<br>".join(f"{r['error']:.1e}" for r in rows)
        text += f"| {folder.name} | {', '.join(architectures)} | {', '.join(types) or '(GGUF alone)'} | {checked} | {errors} |\n"
    if "--check" in sys.argv[1:]:
        if not PAGE.exists() or PAGE.read_text() != text:
            print("docs/models.md is not what models/ and the results say; run tools/make_models_doc.py", file=sys.stderr)
            return 1
        return 0
    PAGE.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
