#!/usr/bin/env python3
"""synapse embed: vectors of texts from an encoder in sentence-transformers' form.

Runs the binary that SYNAPSE_BINARY names. Where SYNAPSE_MINILM names the folder of all-MiniLM-L6-v2, its vectors are compared.
"""
import json
import math
import os
import sys
import unittest
from pathlib import Path

from cli import MODEL, ROOT, Case, npy, synapse
from test_import import safetensors

DATA = Path(os.environ.get("SYNAPSE_TEST_DATA", ROOT / "../shared/data"))
CONFIG = {"model_type": "bert", "architectures": ["BertModel"], "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2,
          "num_attention_heads": 2, "vocab_size": 12, "max_position_embeddings": 16, "type_vocab_size": 2, "hidden_act": "gelu",
          "layer_norm_eps": 1e-12, "pad_token_id": 0}
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "a", "cat", "sat", "##s", "on", "mat", "the", "."]
TEXT = "The cats sat on a mat."


def shapes():
    """Without the pooler, which embeddings do not use."""
    out = {"embeddings.word_embeddings.weight": [12, 32], "embeddings.position_embeddings.weight": [16, 32],
           "embeddings.token_type_embeddings.weight": [2, 32]}
    norms, linears = ["embeddings.LayerNorm"], {}
    for i in range(2):
        layer = f"encoder.layer.{i}."
        norms += [layer + "attention.output.LayerNorm", layer + "output.LayerNorm"]
        for part in ("self.query", "self.key", "self.value", "output.dense"):
            linears[layer + "attention." + part] = [32, 32]
        linears[layer + "intermediate.dense"], linears[layer + "output.dense"] = [64, 32], [32, 64]
    for name, (rows, cols) in linears.items():
        out[name + ".weight"], out[name + ".bias"] = [rows, cols], [rows]
    for name in norms:
        out[name + ".weight"], out[name + ".bias"] = [32], [32]
    return out


def tokenizer_json():
    special = [{"id": i, "content": WORDS[i], "special": True} for i in range(4)]
    token = lambda text: {"SpecialToken": {"id": text, "type_id": 0}}
    return json.dumps({
        "added_tokens": special, "pre_tokenizer": {"type": "BertPreTokenizer"},
        "normalizer": {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True, "strip_accents": None, "lowercase": True},
        "post_processor": {"type": "TemplateProcessing", "single": [token("[CLS]"), {"Sequence": {"id": "A", "type_id": 0}}, token("[SEP]")],
                           "pair": [], "special_tokens": {t: {"id": t, "ids": [WORDS.index(t)], "tokens": [t]} for t in ("[CLS]", "[SEP]")}},
        "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True},
        "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 100,
                  "vocab": {w: i for i, w in enumerate(WORDS)}}})


class Embed(Case):
    def make_folder(self, pooling=None, modules=("Transformer", "Pooling", "Normalize"), limit=None):
        folder = self.folder / f"bert-{len(list(self.folder.iterdir()))}"
        folder.mkdir()
        (folder / "model.safetensors").write_bytes(safetensors(shapes()))
        (folder / "config.json").write_text(json.dumps(CONFIG))
        (folder / "tokenizer.json").write_text(tokenizer_json())
        if pooling:
            kinds = [{"idx": i, "name": str(i), "path": f"{i}_{kind}" if i else "", "type": "sentence_transformers.models." + kind}
                     for i, kind in enumerate(modules)]
            (folder / "modules.json").write_text(json.dumps(kinds))
            (folder / "1_Pooling").mkdir()
            (folder / "1_Pooling/config.json").write_text(json.dumps({"word_embedding_dimension": 32, "pooling_mode_mean_tokens": False, **pooling}))
        if limit:
            (folder / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": limit}))
        return str(folder)

    def vectors(self, *args, stdin=""):
        done = synapse("embed", *args, "--json", stdin=stdin)
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)

    def error(self, *args):
        done = synapse("embed", *args)
        self.assertEqual((done.returncode, done.stdout), (1, b""))
        return done.stderr.decode().strip()

    def test_one_vector_of_length_one(self):
        folder, file = self.make_folder(), str(self.folder / "o.npy")
        result = self.vectors("-m", folder, "-p", TEXT)
        self.assertEqual({k: v for k, v in result.items() if k != "embedding"}, {"pooling": "mean", "normalized": True, "tokens": 10})
        self.assertAlmostEqual(math.hypot(*result["embedding"]), 1, places=6)
        self.assertEqual(synapse("embed", "-m", folder, "-f", "-", "-o", file, stdin=TEXT).stdout, b"")
        shape, values = npy(file)
        self.assertEqual(shape, (32,))
        self.assertEqual([f"{v:.9g}" for v in values], synapse("embed", "-m", folder, "-p", TEXT).stdout.decode().split())
        for value, same in zip(values, result["embedding"]):
            self.assertAlmostEqual(value, same, places=7)

    def test_lines_are_texts_of_their_own(self):
        folder, file = self.make_folder(), str(self.folder / "o.npy")
        together = self.vectors("-m", folder, "--lines", stdin="the cat\r\n\nA mat.\n")
        self.assertEqual(together["tokens"], [4, 2, 5])
        for line, vector in zip(("the cat", "", "A mat."), together["embeddings"], strict=True):
            self.assertEqual(self.vectors("-m", folder, "-p", line)["embedding"], vector)
        self.assertEqual(synapse("embed", "-m", folder, "--lines", "-o", file, stdin="the cat\n\nA mat.").returncode, 0)
        self.assertEqual(npy(file)[0], (3, 32))

    def test_pooling_is_what_the_folder_says(self):
        rows = self.vectors("-m", self.make_folder(), "-p", TEXT, "--pooling", "none", "--no-normalize")["embeddings"]
        self.assertEqual(len(rows), 10)
        for key, name, wanted in (("cls_token", "cls", rows[0]), ("lasttoken", "last", rows[-1])):
            folder = self.make_folder({"pooling_mode_" + key: True}, modules=("Transformer", "Pooling"))
            result = self.vectors("-m", folder, "-p", TEXT)
            self.assertEqual((result["pooling"], result["normalized"], result["embedding"]), (name, False, wanted))
            self.assertAlmostEqual(math.hypot(*self.vectors("-m", folder, "-p", TEXT, "--normalize")["embedding"]), 1, places=6)
        self.assertEqual(self.vectors("-m", folder, "-p", TEXT, "--pooling", "cls")["embedding"], rows[0])
        self.assertIn("pooling_mode_max_tokens", self.error("-m", self.make_folder({"pooling_mode_max_tokens": True}), "-p", TEXT))
        self.assertIn("models.Dense is not a module we run", self.error(
            "-m", self.make_folder({"pooling_mode_mean_tokens": True}, modules=("Transformer", "Pooling", "Dense")), "-p", TEXT))

    def test_a_text_that_is_too_long_is_an_error_or_cut_before_its_end_token(self):
        folder = self.make_folder({"pooling_mode_mean_tokens": True}, limit=12)
        long = "cat " * 20
        self.assertEqual(self.error("-m", folder, "-p", long), "synapse: text 1: 22 tokens, the model takes 16 (--truncate cuts it)")
        cut = self.vectors("-m", folder, "-p", long, "--truncate")
        self.assertEqual(cut["tokens"], 12)
        ids = [2] + [5] * 10 + [3]
        self.assertEqual(self.vectors("-m", folder, "--ids", " ".join(map(str, ids)))["embedding"], cut["embedding"])
        self.assertEqual(self.error("-m", folder, "--ids", "1 99"), "synapse: text 1: id 99, the vocabulary has 12")
        self.assertEqual(self.error("-m", folder, "--ids", "1 2", "--token-types", "0"), "synapse: text 1: 2 ids, 1 types")

    def test_an_encoder_writes_no_text_and_says_what_it_is_for(self):
        for verb in (["run", "-p", "x"], ["chat", "-p", "x"], ["logits", "--ids", "1 2", "--nll"]):
            done = synapse(*verb, "-m", self.make_folder())
            self.assertEqual((done.returncode, done.stdout), (1, b""))
            self.assertIn(b"an encoder, without a head that writes text; embed gives its vectors", done.stderr)

    def test_a_model_that_writes_gives_vectors_too(self):
        result = self.vectors("-m", MODEL, "-p", "Once upon a time", "--pooling", "last")
        self.assertAlmostEqual(math.hypot(*result["embedding"]), 1, places=6)

    def test_a_real_encoder(self):
        folder, golden = os.environ.get("SYNAPSE_MINILM"), DATA / "models/all-minilm-l6-v2/golden.json"
        if not folder or not golden.exists():
            self.skipTest("no model: SYNAPSE_MINILM names none, or its reference is not here")
        for case in json.loads(golden.read_text())["cases"]:
            ids = json.loads(synapse("tokenize", "-m", folder, "--json", stdin=case["text"]).stdout)["ids"]
            self.assertEqual(ids, case["ids"])
            got = self.vectors("-m", folder, "-f", "-", stdin=case["text"])["embedding"]
            self.assertLessEqual(max(abs(a - b) for a, b in zip(got, case["embedding"], strict=True)), 1e-5)


if __name__ == "__main__":
    sys.exit(unittest.main())
