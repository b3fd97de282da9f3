#!/usr/bin/env python3
"""Models that people use, where tools/get_models has fetched them: ids, likelihoods, greedy text and embeddings against
tests/golden/real_models.json. Without any of them: skipped.

Gemma is stored in 4 to 8 bits and computed with 8-bit activations, the recorded numbers are float32 over the same weights: mean NLL over all
prompts within 1 % and of each within 2 %, the likeliest token where it leads by more than 0.5, greedy ids up to the first near tie.
"""
import json
import math
import os
import sys
import unittest
from pathlib import Path

from cli import ROOT, Case, npy, synapse

FOLDER = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "synapse/models"
GEMMA, MINILM = FOLDER / "gemma3-270m-Q4_K_M.gguf", FOLDER / "all-minilm-l6-v2"
GOLDEN = json.loads((ROOT / "tests/golden/real_models.json").read_text())


@unittest.skipUnless(GEMMA.exists(), "skipped: no model")
class Gemma(Case):
    CASES = GOLDEN["gemma3-270m"]["cases"]

    def model(self, *args):
        return synapse(*args, timeout=280)

    def test_ids(self):
        for case in self.CASES:
            text = self.file("prompt", case["prompt"].encode())
            ids = self.data_of(self.model("tokenize", "-m", "gemma3:270m", "-f", text, "--ids"))
            self.assertEqual([int(i) for i in ids.split()], case["ids"])

    def test_likelihood_and_likeliest_token(self):
        ours = theirs = 0
        for case in self.CASES:
            with self.subTest(tokens=len(case["ids"])):
                out = str(self.folder / "last.npy")
                ids = " ".join(map(str, case["ids"]))
                nll = self.json_of(self.model("logits", "-m", str(GEMMA), "--ids", ids, "--nll", "-o", out))["nll"]
                n = len(case["ids"]) - 1
                ours, theirs = ours + n * nll, theirs + n * case["mean_nll"]
                self.assertLess(abs(nll - case["mean_nll"]), 0.02 * case["mean_nll"])
                logits = npy(out)[1]
                best = sorted(range(len(logits)), key=logits.__getitem__)[-5:]
                if case["gap"] > 0.5:
                    self.assertEqual(best[-1], case["top5"][0])
                self.assertGreaterEqual(len(set(best) & set(case["top5"])), 4)
        self.assertLess(abs(ours - theirs), 0.01 * theirs)

    def test_the_reduced_head_writes_the_same(self):
        text = self.file("prompt", self.CASES[0]["prompt"].encode())
        for sampler in (["--temp", "0"], ["--temp", "0.8", "--top-k", "0", "--top-p", "1", "--min-p", "0"], ["--top-k", "6", "--repeat-penalty", "1.2"]):
            args = ["run", "-m", str(GEMMA), "-f", text, "-n", "60", "--seed", "3", "--ignore-eos", *sampler]
            self.assertEqual(self.data_of(self.model(*args)), self.data_of(self.model(*args, "--full-head")), sampler)

    def test_greedy_text(self):
        for case in self.CASES:
            if not case["greedy_ids"]:
                continue
            text = self.file("prompt", case["prompt"].encode())
            n = len(case["greedy_ids"])
            said = self.data_of(self.model("run", "-m", str(GEMMA), "-f", text, "-n", str(n), "--temp", "0"))
            wanted = self.data_of(self.model("detokenize", "-m", str(GEMMA), "--ids", " ".join(map(str, case["greedy_ids"]))))
            self.assertEqual(said.rstrip("\n"), wanted.rstrip("\n"))


@unittest.skipUnless(MINILM.exists(), "skipped: no model")
class MiniLm(Case):
    def check(self, model):
        for case in GOLDEN["all-minilm-l6-v2"]["cases"]:
            text, out = self.file("text", case["text"].encode()), str(self.folder / "e.npy")
            ids = self.data_of(synapse("tokenize", "-m", model, "-f", text, "--ids"))
            self.assertEqual([int(i) for i in ids.split()][:256], case["ids"][:256])
            self.data_of(synapse("embed", "-m", model, "-f", text, "-o", out))
            found = npy(out)[1]
            self.assertEqual(len(found), len(case["embedding"]))
            self.assertLess(max(abs(a - b) for a, b in zip(found, case["embedding"])), 1e-5)
            self.assertAlmostEqual(math.fsum(x * x for x in found), 1, delta=1e-5)

    def test_embeddings(self):
        self.check(str(MINILM))

    def test_embeddings_of_the_same_as_gguf(self):
        path = str(self.folder / "minilm.gguf")
        self.data_of(synapse("convert", str(MINILM), path, "--type", "F32"))
        self.check(path)


if __name__ == "__main__":
    if not GEMMA.exists() and not MINILM.exists():
        print("skipped: no model (tools/get_models fetches them)")
        sys.exit(77)
    unittest.main()
