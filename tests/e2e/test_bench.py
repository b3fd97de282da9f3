#!/usr/bin/env python3
"""bench: what it prints, and that what it counts is what the shapes say. No times are judged.

Runs the binary that SYNAPSE_BINARY names, on the bundled model.
"""
import csv
import io
import json
import math
import statistics
import sys
import unittest
from pathlib import Path

from cli import MODEL, Case, synapse

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "hostile"))
from gguf_file import F32, STRING, U32, GgufFile, Tensor, text, u32, f32

# Of llama-bench; scripts that read its output read ours.
THEIRS = {"build_commit": str, "cpu_info": str, "backends": str, "model_filename": str, "model_type": str, "model_size": int, "model_n_params": int,
          "n_batch": int, "n_ubatch": int, "n_threads": int, "repack": bool, "type_k": str, "type_v": str, "n_prompt": int, "n_gen": int, "n_depth": int,
          "test_time": str, "avg_ns": int, "stddev_ns": int, "avg_ts": float, "stddev_ts": float, "samples_ns": list, "samples_ts": list}
OURS = {"test": str, "n_streams": int, "tok_s": float, "spread": float, "roofline": float, "limit": str, "weight_bytes": float, "kv_bytes": float,
        "int8_ops": float, "float_ops": float, "read_bytes_per_second": float, "int8_ops_per_second": float, "float_ops_per_second": float,
        "roofline_tok_s": float, "kernels": str, "pinned": bool}
SMALL = ["-p", "16", "-n", "4", "-r", "2", "--full-head"]


def model_of_experts(n_experts, n_used, dim=32, hidden=64, vocab=96):
    """A Qwen3-MoE of one layer, all F32 and all zero, and its matrices: {name: elements}."""
    file = GgufFile()
    file.metadata["general.architecture"] = (STRING, text("qwen3moe"))
    for key, value in {"block_count": 1, "embedding_length": dim, "feed_forward_length": hidden, "expert_feed_forward_length": hidden,
                       "attention.head_count": 2, "attention.head_count_kv": 1, "attention.key_length": 16, "attention.value_length": 16,
                       "context_length": 128, "vocab_size": vocab, "expert_count": n_experts, "expert_used_count": n_used}.items():
        file.metadata["qwen3moe." + key] = (U32, u32(value))
    for key, value in {"attention.layer_norm_rms_epsilon": 1e-6, "rope.freq_base": 1e4}.items():
        file.metadata["qwen3moe." + key] = (F32, f32(value))
    shapes = {"token_embd": [dim, vocab], "output": [dim, vocab], "output_norm": [dim], "blk.0.attn_norm": [dim], "blk.0.ffn_norm": [dim],
              "blk.0.attn_q": [dim, 32], "blk.0.attn_k": [dim, 16], "blk.0.attn_v": [dim, 16], "blk.0.attn_output": [32, dim],
              "blk.0.attn_q_norm": [16], "blk.0.attn_k_norm": [16], "blk.0.ffn_gate_inp": [dim, n_experts],
              "blk.0.ffn_gate_exps": [dim, hidden, n_experts], "blk.0.ffn_up_exps": [dim, hidden, n_experts],
              "blk.0.ffn_down_exps": [hidden, dim, n_experts]}
    for name, dims in shapes.items():
        file.tensors.append(Tensor(name + ".weight", dims, 0, len(file.data)))
        file.data += bytes(4 * math.prod(dims))
    return file.bytes(), {name: math.prod(dims) for name, dims in shapes.items() if len(dims) > 1}


class Bench(Case):
    def bench(self, *args, model=MODEL):
        out = self.data_of(synapse("bench", "-m", model, *args, "--json"))
        return {row["test"]: row for row in map(json.loads, out.splitlines())}

    def shape(self, model=MODEL):
        return self.json_of(synapse("show", "-m", model, "--json"))

    def test_a_line_for_each_test(self):
        rows = self.bench(*SMALL, "-t", "2")
        self.assertEqual(list(rows), ["pp16", "tg4"])
        for row in rows.values():
            for name, kind in (THEIRS | OURS).items():
                self.assertIsInstance(row[name], kind, name)
            self.assertEqual(row["n_threads"], 2)
            self.assertEqual(len(row["samples_ts"]), 2)
            self.assertAlmostEqual(row["tok_s"], statistics.median(row["samples_ts"]))
            self.assertAlmostEqual(row["avg_ts"], statistics.mean(row["samples_ts"]))
            self.assertAlmostEqual(row["stddev_ts"], statistics.stdev(row["samples_ts"]), delta=1e-9 * row["avg_ts"])
            self.assertAlmostEqual(row["spread"], (max(row["samples_ts"]) - min(row["samples_ts"])) / row["tok_s"])
            self.assertGreater(row["roofline"], 0)
            self.assertIn(row["limit"], ("memory", "arithmetic"))
            least = max((row["weight_bytes"] + row["kv_bytes"]) / row["read_bytes_per_second"], row["int8_ops"] / row["int8_ops_per_second"])
            self.assertAlmostEqual(row["roofline"], least * 1e9 / statistics.median(row["samples_ns"]))
            self.assertTrue(row["repack"])
        self.assertFalse(self.bench(*SMALL, "--no-repack")["tg4"]["repack"])
        self.assertEqual((rows["pp16"]["n_prompt"], rows["pp16"]["n_gen"]), (16, 0))
        self.assertEqual((rows["tg4"]["n_prompt"], rows["tg4"]["n_gen"]), (0, 4))

    def test_bytes_and_operations_are_those_of_the_shapes(self):
        shape = self.shape()
        matrices = {t["name"]: t for t in shape["tensors"] if len(t["shape"]) == 2}
        n_bytes = sum(t["bytes"] for t in matrices.values())
        weights = sum(math.prod(t["shape"]) for t in matrices.values())
        head = math.prod(matrices["token_embd.weight"]["shape"])  # tied
        a_key = shape["model"]["n_layers"] * shape["model"]["n_kv_heads"] * shape["model"]["head_dim"] * 4 * 2  # f32, and its value
        rows = self.bench(*SMALL, "-d", "0,32", "-npl", "1,3", "-ctk", "f32", "-ctv", "f32", "-b", "8", "-pg", "5,2")
        self.assertEqual(list(rows), ["pp16", "tg4", "tg4 x 3", "pp5+tg2", "pp16 @ d32", "tg4 @ d32", "tg4 @ d32 x 3", "pp5+tg2 @ d32"])
        for name, calls, ops, keys in [
                ("pp16", 2 - head_share(head, weights, 1), 2 * (16 * (weights - head) + head), 8 + 16),
                ("tg4", 4, 2 * 4 * weights, 2 + 3 + 4 + 5),
                ("tg4 x 3", 4, 2 * 12 * weights, 3 * (2 + 3 + 4 + 5)),
                ("pp16 @ d32", 2 - head_share(head, weights, 1), 2 * (16 * (weights - head) + head), 40 + 48),
                ("tg4 @ d32 x 3", 4, 2 * 12 * weights, 3 * (33 + 34 + 35 + 36)),
                ("pp5+tg2", 3, 2 * (5 * (weights - head) + head + 2 * weights), 5 + 6 + 7)]:
            with self.subTest(test=name):
                self.assertAlmostEqual(rows[name]["weight_bytes"], calls * n_bytes)
                self.assertEqual(rows[name]["int8_ops"], ops)
                self.assertEqual(rows[name]["float_ops"], 0)
                self.assertEqual(rows[name]["kv_bytes"], keys * a_key)

    def test_a_reduced_head_counts_what_it_reads(self):
        shape = self.shape()
        n_bytes = sum(t["bytes"] for t in shape["tensors"] if len(t["shape"]) == 2)
        head = next(t for t in shape["tensors"] if t["name"] == "token_embd.weight")  # tied, of Q8_0
        text = self.file("text", b"Once upon a time there was a little girl who lived near the sea. " * 3)
        full, reduced = (self.bench("-p", "0", "-n", "32", "-d", "40", "-r", "1", "-f", text, *more)["tg32 @ d40"] for more in (["--full-head"], []))
        self.assertEqual((full["head_rows_share"], full["text"], full["weight_bytes"]), (None, "file", 32 * n_bytes))
        share = reduced["head_rows_share"]
        if share is None:
            return self.skipTest("these kernels do not screen")
        self.assertTrue(0 < share < 0.4, share)
        screened = 31 * (n_bytes - head["bytes"] + head["bytes"] * (19 + 35 * share) / 34)  # and the last token's logits are whole
        self.assertAlmostEqual(reduced["weight_bytes"], screened + n_bytes, delta=1e-9 * screened)

    def test_of_experts_those_that_are_used_count(self):
        data, matrices = model_of_experts(n_experts=8, n_used=2)
        model = self.file("moe.gguf", data)
        dense = sum(n for name, n in matrices.items() if "_exps" not in name and name != "token_embd")  # which no linear reads
        experts = sum(n for name, n in matrices.items() if "_exps" in name)
        rows = self.bench("-p", "3,16", "-n", "2", "-r", "1", model=model)
        self.assertEqual(rows["tg2"]["weight_bytes"], 4 * 2 * (dense + experts / 8 * 2))
        self.assertEqual(rows["tg2"]["float_ops"], 2 * 2 * (dense + experts / 8 * 2))
        self.assertEqual(rows["pp3"]["weight_bytes"], 4 * (dense + experts / 8 * 6))  # three rows may go to six of them
        self.assertEqual(rows["pp16"]["weight_bytes"], 4 * (dense + experts))
        self.assertEqual(rows["pp16"]["int8_ops"], 0)

    def test_longer_than_the_context(self):
        rows = self.bench("-p", "600", "-n", "300", "-r", "1")
        self.assertEqual(list(rows), ["pp600", "tg300"])
        done = synapse("bench", "-m", MODEL, "-p", "200", "-n", "0", "-d", "100")
        self.assert_ends(done, 1, "pp200 @ d100: 300 positions, the model has 256")

    def test_forms(self):
        text = self.data_of(synapse("bench", "-m", MODEL, *SMALL))
        lines = text.splitlines()
        self.assertEqual([cell.strip() for cell in lines[0].strip("|").split("|")],
                         ["model", "size", "params", "threads", "batch", "cache", "test", "t/s", "spread", "roofline", "of"])
        self.assertRegex(lines[2], r"^\| synapse-story-4m-Q8_0 .* pp16 \| +[0-9.]+ \|")
        self.assertRegex(lines[5], r"^synapse-story-4m-Q8_0.gguf, threads: \d+.*reads [0-9.]+ GB/s, int8 \d+ GOP/s, f32 \d+ GFLOP/s")
        rows = list(csv.DictReader(io.StringIO(self.data_of(synapse("bench", "-m", MODEL, *SMALL, "-o", "csv")))))
        self.assertEqual([row["test"] for row in rows], ["pp16", "tg4"])
        self.assertEqual([name for name in rows[0]], [name for name in self.bench(*SMALL)["pp16"] if not name.startswith("samples")])
        both = json.loads(self.data_of(synapse("bench", "-m", MODEL, "-m", MODEL, *SMALL, "-t", "1,2", "-o", "json")))
        self.assertEqual([(row["n_threads"], row["test"]) for row in both], [(1, "pp16"), (1, "tg4"), (2, "pp16"), (2, "tg4")] * 2)

    def test_operations(self):
        out = self.data_of(synapse("bench", "ops", "--full-head", "-m", MODEL, "-p", "8", "-n", "2", "--json"))
        rows = [json.loads(line) for line in out.splitlines()]
        for test, n in (("pp8", 8), ("tg2", 1)):
            found = {row["op"]: row for row in rows if row["test"] == test}
            self.assertAlmostEqual(sum(row["share"] for row in found.values()), 1)
            self.assertAlmostEqual(found["norm_linears (head)"]["calls_per_token"], 1 / n)
            self.assertAlmostEqual(found["attention"]["calls_per_token"], 4 / n)
            self.assertGreater(found["gated_linears"]["gop_s"], 0)
            self.assertGreater(found["attention"]["gb_s"], 0)
        for words in (["ops", MODEL, "-p", "8", "-n", "2"], ["-m", MODEL, "ops", "-p", "8", "-n", "2"], [MODEL, "-p", "8", "-n", "2", "ops"]):
            self.assertIn("calls/token", self.data_of(synapse("bench", *words)))

    def test_refusals(self):
        self.assert_ends(synapse("bench", "-m", MODEL, "-o", "xml"), 2, "xml")
        self.assert_ends(synapse("bench"), 2, "--model")
        self.assert_ends(synapse("bench", "-m", MODEL, "-p", "0", "-n", "0"), 2, "-pg")
        self.assert_ends(synapse("bench", "-m", MODEL, "-pg", "3"), 2, "512,128")
        self.assert_ends(synapse("bench", "-m", MODEL, "-p", "1,x"), 2, "--help")
        self.assert_ends(synapse("bench", "-m", MODEL, "-ctk", "q3"), 2, "q3")
        self.assert_ends(synapse("bench", "-m", str(self.folder / "none.gguf")), 1, "none.gguf")


def head_share(head, weights, calls):
    """The part of a call's weights that is left out when so many calls make no logits."""
    return calls * head / weights


if __name__ == "__main__":
    unittest.main()
