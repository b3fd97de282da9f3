#!/usr/bin/env python3
"""quantize, imatrix, eval and trace, each against a computation of its own here.

Runs the binary that SYNAPSE_BINARY names, on the bundled model.
"""
import hashlib
import json
import math
import os
import struct
import unittest
from pathlib import Path

from cli import MODEL, PROMPT, Case, npy, synapse

TEXT = ("Once upon a time there was a little girl who had a red ball. She liked to play with it in the garden every day. One day the "
        "ball rolled away, and a big dog found it under the tree. The girl was sad, but the dog was kind and gave it back. They "
        "played until the sun went down, and then they all went home to sleep. ") * 4


def safetensors(path):
    """{name: (dtype, shape, values)}; F32 and I32."""
    data = Path(path).read_bytes()
    size, = struct.unpack_from("<Q", data)
    header, body = json.loads(data[8:8 + size]), data[8 + size:]
    out, end = {}, 0
    for name, t in header.items():
        first, last = t["data_offsets"]
        assert first == end, name
        end = last
        out[name] = t["dtype"], t["shape"], struct.unpack(f"<{(last - first) // 4}{'f' if t['dtype'] == 'F32' else 'i'}", body[first:last])
    assert end == len(body)
    return out


def gguf_floats(path):
    """{name: values} of the F32 tensors of a GGUF file."""
    data, at = Path(path).read_bytes(), 24

    def take(form):
        nonlocal at
        value = struct.unpack_from("<" + form, data, at)
        at += struct.calcsize("<" + form)
        return value[0]

    def take_text():
        nonlocal at
        n = take("Q")
        at += n
        return data[at - n:at].decode()

    def take_value(kind):
        if kind == 8:
            return take_text()
        if kind == 9:
            element, n = take("I"), take("Q")
            return [take_value(element) for _ in range(n)]
        return take("BbHhIifBbQqd"[kind] if kind != 10 else "Q")

    _, n_tensors, n_entries = struct.unpack_from("<IQQ", data, 4)
    metadata = {take_text(): take_value(take("I")) for _ in range(n_entries)}
    tensors = []
    for _ in range(n_tensors):
        name = take_text()
        dims = [take("Q") for _ in range(take("I"))]
        tensors.append((name, dims, take("I"), take("Q")))
    start = (at + 31) // 32 * 32
    floats = {name: struct.unpack_from(f"<{math.prod(dims)}f", data, start + offset) for name, dims, kind, offset in tensors if kind == 0}
    return metadata, floats


def log_softmax(row):
    most = max(row)
    total = math.log(math.fsum(math.exp(x - most) for x in row))
    return [x - most - total for x in row]


class Measure(Case):
    def setUp(self):
        super().setUp()
        self.text = self.file("text.txt", TEXT.encode())

    def path(self, name):
        return str(self.folder / name)

    def quantize(self, *args):
        return self.json_of(synapse("quantize", *args, "--json"))

    def floats(self):
        """The bundled model with F32 weights."""
        if not Path(self.path("f32.gguf")).exists():
            self.quantize(MODEL, self.path("f32.gguf"), "F32", "--allow-requantize")
        return self.path("f32.gguf")

    def types(self, path):
        return {t["name"]: t["type"] for t in self.json_of(synapse("show", "-m", path, "--json"))["tensors"]}

    def ids(self):
        return [int(i) for i in self.data_of(synapse("tokenize", "-m", MODEL, "-f", self.text, "--ids")).split()]

    def logits(self, model, ids, *flags):
        out = self.path("logits.npy")
        self.data_of(synapse("logits", "-m", model, "--ids", " ".join(map(str, ids)), "--all", "-o", out, *flags))
        (n, width), values = npy(out)
        return [values[i * width:(i + 1) * width] for i in range(n)]


class Quantize(Measure):
    def test_the_order_of_llama_quantize_and_the_flag_are_the_same(self):
        source = self.floats()
        done = self.quantize(source, self.path("a.gguf"), "q4_k_m")
        self.assertEqual(done["bytes"], os.path.getsize(self.path("a.gguf")))
        self.quantize(source, self.path("b.gguf"), "--type", "Q4_K_M", "-t", "1")
        self.quantize(source, self.path("c.gguf"), "15", "2")
        data = [Path(self.path(f"{name}.gguf")).read_bytes() for name in "abc"]
        self.assertEqual(data[0], data[1])
        self.assertEqual(data[0], data[2])
        shown = self.json_of(synapse("show", "-m", self.path("a.gguf"), "--json"))
        self.assertEqual(shown["metadata"]["general.file_type"], 15)
        self.assertEqual(shown["metadata"]["general.quantization_version"], 2)
        self.assertEqual(self.data_of(synapse("run", "-m", self.path("a.gguf"), "-p", PROMPT, "-n", "1", "--temp", "0")), ",\n")

    def test_the_plan_is_what_is_written(self):
        source = self.floats()
        flags = ["Q4_K_S", "--tensor-type", "ffn_(up|gate)=Q5_0", "--tensor-type", "ffn=Q8_0", "--token-embedding-type", "Q8_0"]
        plan = self.quantize(source, *flags, "--dry-run")
        self.assertEqual(list(self.folder.glob("*Q4_K_S*")), [])
        self.assertEqual(plan["bytes"], sum(t["bytes"] for t in plan["tensors"]))
        self.assertAlmostEqual(plan["bits_per_weight"], 8 * plan["bytes"] / plan["weights"])
        types = {t["name"]: t["to"] for t in plan["tensors"]}
        self.assertEqual([types[f"blk.0.{n}.weight"] for n in ("ffn_up", "ffn_gate", "ffn_down", "attn_k")], ["Q5_0", "Q5_0", "Q8_0", "Q4_K"])
        self.assertEqual(types["token_embd.weight"], "Q8_0")
        self.quantize(source, self.path("out.gguf"), *flags)
        self.assertEqual(self.types(self.path("out.gguf")), types)
        text = self.data_of(synapse("quantize", source, "Q4_K_S", "--dry-run"))
        self.assertRegex(text, r"(?m)^blk\.0\.attn_q\.weight +256 x 256 +F32 +Q4_K +36864$")
        self.assertIn("bits a weight", text)

    def test_refusals(self):
        out = self.path("o.gguf")
        self.assert_ends(synapse("quantize", MODEL, out, "Q4_0"), 1, "--allow-requantize")
        self.quantize(MODEL, out, "Q4_0", "--allow-requantize")
        before = Path(out).read_bytes()
        self.assert_ends(synapse("quantize", self.floats(), out, "Q4_1"), 1, "--force")
        self.assertEqual(Path(out).read_bytes(), before)
        self.quantize(self.floats(), out, "Q4_1", "--force")
        self.assertNotEqual(Path(out).read_bytes(), before)
        for args in (["Q4_K_X"], ["Q4_0", "--tensor-type", "ffn"], ["Q4_0", "--tensor-type", "(=Q8_0"], ["Q4_0", "--tensor-type", "a=Q9"],
                     ["Q4_0", "--output-tensor-type", "x"], []):
            with self.subTest(args=args):
                self.assert_ends(synapse("quantize", MODEL, *args), 2, "--help")
        self.assert_ends(synapse("quantize", self.path("none.gguf"), "Q4_0"), 1, "none.gguf")
        self.assert_ends(synapse("quantize", MODEL, "Q4_0", "--allow-requantize", "--imatrix", self.text), 1, "imatrix")

    def test_our_own_format_says_so_and_runs(self):
        out = self.path("int8.gguf")
        self.assertIn("INT8: readable by synapse only", self.quantize(self.floats(), out, "INT8")["notes"])
        plan = self.quantize(self.floats(), "INT8", "--dry-run")
        self.assertEqual(plan["bytes"], sum(t["bytes"] for t in self.json_of(synapse("show", "-m", out, "--json"))["tensors"]))
        types = self.types(out)
        self.assertEqual(types["blk.0.attn_q.weight"], "I8")
        self.assertEqual(types["blk.0.attn_q.weight.scales"], "F32")
        a, b = (self.logits(m, [4092, 614, 564])[-1] for m in (out, MODEL))
        self.assertLess(max(abs(x - y) for x, y in zip(a, b)), 1)


class ImportanceMatrix(Measure):
    def test_sums_of_squares(self):
        out = self.path("i.gguf")
        done = self.json_of(synapse("imatrix", "-m", MODEL, "-f", self.text, "-o", out, "-c", "32", "--chunks", "2", "--json"))
        self.assertEqual((done["chunks"], done["window"], done["entries"]), (2, 32, 4 * 7))
        metadata, floats = gguf_floats(out)
        self.assertEqual(metadata["general.type"], "imatrix")
        self.assertEqual((metadata["imatrix.chunk_count"], metadata["imatrix.chunk_size"], metadata["imatrix.datasets"]), (2, 32, [self.text]))
        # What each linear reads, as trace shows it, over the same two windows.
        wanted, ids, eps = {}, self.ids(), 1e-6
        bos = self.json_of(synapse("tokenize", "-m", MODEL, "-p", "", "--json"))["ids"]
        for window in (ids[:32], ids[32:64]):
            window = bos + window[1:] if bos else window
            self.data_of(synapse("trace", "-m", MODEL, "--ids", " ".join(map(str, window)), "-o", self.path("t"), "--force"))
            traced = {name: (shape, values) for name, (_, shape, values) in safetensors(self.path("t")).items()}
            for weight, read in (("blk.0.ffn_up", "blk.0.ffn_norm"), ("blk.3.ffn_gate", "blk.3.ffn_norm"),
                                 ("blk.2.ffn_down", "blk.2.ffn_gate.gated_linears"), ("blk.1.attn_output", "blk.1.attention")):
                shape, values = traced[read]
                width = math.prod(shape[1:])
                sums = wanted.setdefault(weight, [0.0] * width)
                for i, x in enumerate(values):
                    sums[i % width] += x * x
            # The input of q, k and v is normalised inside one operation.
            shape, values = traced["blk.0.ffn_down.linear_add"]
            sums = wanted.setdefault("blk.1.attn_k", [0.0] * shape[1])
            for row in range(32):
                x = values[row * shape[1]:(row + 1) * shape[1]]
                scale = 1 / math.sqrt(sum(v * v for v in x) / len(x) + eps)
                for c, v in enumerate(x):
                    sums[c] += (v * scale * self.norm()[c]) ** 2
        for weight, sums in wanted.items():
            self.assertEqual(floats[weight + ".weight.counts"], (64.0,))
            found = floats[weight + ".weight.in_sum2"]
            self.assertEqual(len(found), len(sums))
            for a, b in zip(found, sums):
                self.assertLess(abs(a - b), 1e-4 * abs(b) + 1e-9, weight)

    def norm(self):
        if not hasattr(self, "weights"):
            self.weights = gguf_floats(MODEL)[1]["blk.1.attn_norm.weight"]
        return self.weights

    def test_it_changes_what_quantize_makes(self):
        matrix, source = self.path("i.gguf"), self.floats()
        self.data_of(synapse("imatrix", "-m", source, "-f", self.text, "-o", matrix, "-c", "64", "--process-output"))
        self.assert_ends(synapse("imatrix", "-m", source, "-f", self.text, "-o", matrix, "-c", "64"), 1, "--force")
        self.quantize(source, self.path("plain.gguf"), "Q4_0")
        done = self.quantize(source, self.path("weighted.gguf"), "Q4_0", "--imatrix", matrix)
        self.assertEqual(done["notes"], [])
        shown = self.json_of(synapse("show", "-m", self.path("weighted.gguf"), "--json"))["metadata"]
        self.assertEqual(shown["quantize.imatrix.file"], matrix)
        self.assertEqual(shown["quantize.imatrix.dataset"], self.text)
        self.assertEqual(shown["quantize.imatrix.entries_count"], 4 * 7 + 1)
        plain, weighted = (self.types(self.path(f"{name}.gguf")) for name in ("plain", "weighted"))
        self.assertEqual({k: v for k, v in weighted.items() if "ffn_down" not in k}, {k: v for k, v in plain.items() if "ffn_down" not in k})
        self.assertNotEqual(self.logits(self.path("plain.gguf"), [1, 2, 3]), self.logits(self.path("weighted.gguf"), [1, 2, 3]))

    def test_one_of_another_model_is_refused(self):
        other, matrix = self.path("other.gguf"), self.path("i.gguf")
        self.data_of(synapse("synth", "tiny-qwen3", "--type", "F32", "-o", other))
        self.data_of(synapse("imatrix", "-m", MODEL, "-f", self.text, "-o", matrix, "-c", "32", "--chunks", "1"))
        self.assert_ends(synapse("quantize", other, self.path("q.gguf"), "Q4_0", "--imatrix", matrix), 1, "columns, the model has")


class Eval(Measure):
    def expected(self, windows, *models):
        """Rows (nll of each model, kl of the first against the second, same top) at the scored positions of (ids, score_from)."""
        rows = []
        for ids, score_from in windows:
            logits = [self.logits(m, ids) for m in models]
            for t in range(score_from, len(ids)):
                p = [log_softmax(rows_of[t - 1]) for rows_of in logits]
                row = [-q[ids[t]] for q in p]
                if len(models) == 2:
                    row.append(math.fsum(math.exp(b) * (b - a) for a, b in zip(*p)))
                    row.append(p[0].index(max(p[0])) == p[1].index(max(p[1])))
                rows.append(row)
        return rows

    def mean_and_error(self, values):
        mean = math.fsum(values) / len(values)
        return mean, math.sqrt(math.fsum((v - mean) ** 2 for v in values) / len(values) / (len(values) - 1))

    def check(self, found, mean, error):
        self.assertAlmostEqual(found["value"], mean, delta=1e-9 * max(1, abs(mean)))
        self.assertAlmostEqual(found["standard_error"], error, delta=1e-6 * max(1e-3, abs(error)))

    def windows(self, n):
        ids = self.ids()
        bos = self.json_of(synapse("tokenize", "-m", MODEL, "-p", "", "--json"))["ids"]
        return [((bos + ids[at + 1:at + n]) if bos else ids[at:at + n], n // 2 + 1) for at in range(0, len(ids) - n + 1, n)]

    def test_perplexity_by_halves_of_windows(self):
        windows = self.windows(48)[:3]
        rows = self.expected(windows, MODEL)
        found = self.json_of(synapse("eval", "perplexity", "-m", MODEL, "-f", self.text, "-c", "48", "--chunks", "3", "--json"))
        mean, error = self.mean_and_error([r[0] for r in rows])
        self.check(found["nll"], mean, error)
        self.check(found["perplexity"], math.exp(mean), math.exp(mean) * error)
        protocol = found["protocol"]
        self.assertEqual((protocol["window"], protocol["windows"], protocol["tokens_scored"]), (48, 3, 3 * 23))
        self.assertEqual(found["text"]["sha256"], hashlib.sha256(TEXT.encode()).hexdigest())
        for flags in (["-t", "1"], ["-b", "7"]):
            again = self.json_of(synapse("eval", "perplexity", "-m", MODEL, "-f", self.text, "-c", "48", "--chunks", "3", "--json", *flags))
            self.assertEqual(again, found)
        text = self.data_of(synapse("eval", "perplexity", "-m", MODEL, "-f", self.text, "-c", "48", "--chunks", "3"))
        self.assertIn("perplexity", text)
        self.assertIn("+/-", text)

    def test_perplexity_with_a_stride(self):
        ids = [int(i) for i in self.data_of(synapse("tokenize", "-m", MODEL, "-f", self.text, "--ids")).split()]
        windows, seen = [], 0
        for begin in range(0, len(ids), 40):
            end = min(begin + 64, len(ids))
            windows.append((ids[begin:end], max(1, seen - begin)))
            seen = end
            if end == len(ids):
                break
        mean, error = self.mean_and_error([r[0] for r in self.expected(windows, MODEL)])
        found = self.json_of(synapse("eval", "perplexity", "-m", MODEL, "-f", self.text, "-c", "64", "--stride", "40", "--json"))
        self.check(found["nll"], mean, error)
        self.assertEqual(found["protocol"]["tokens_scored"], len(ids) - 1)
        self.assertEqual(found["protocol"]["stride"], 40)

    def test_divergence_from_a_base(self):
        model = self.path("q4.gguf")
        self.quantize(MODEL, model, "Q4_0", "--allow-requantize")
        rows = self.expected(self.windows(48)[:2], model, MODEL)
        found = self.json_of(synapse("eval", "kl", "-m", model, "--base", MODEL, "-f", self.text, "-c", "48", "--chunks", "2", "--json"))
        self.check(found["kl"], *self.mean_and_error([r[2] for r in rows]))
        self.check(found["top1_agreement"], *self.mean_and_error([float(r[3]) for r in rows]))
        ratio, error = self.mean_and_error([r[0] - r[1] for r in rows])
        self.check(found["perplexity_ratio"], math.exp(ratio), math.exp(ratio) * error)
        kls = sorted(r[2] for r in rows)
        self.assertAlmostEqual(found["kl_quantiles"]["median"], (kls[22] + kls[23]) / 2, delta=1e-9)  # of 46
        self.assertAlmostEqual(found["kl_quantiles"]["max"], kls[-1], delta=1e-9)
        same = self.json_of(synapse("eval", "kl", "-m", MODEL, "--base", MODEL, "-f", self.text, "-c", "48", "--chunks", "1", "--json"))
        self.assertEqual((same["kl"]["value"], same["top1_agreement"]["value"], same["perplexity_ratio"]["value"]), (0, 1, 1))

    def test_refusals(self):
        self.assert_ends(synapse("eval", "kl", "-m", MODEL, "-f", self.text), 2, "--base")
        self.assert_ends(synapse("eval", "nosuch", "-m", MODEL, "-f", self.text), 2, "perplexity")
        self.assert_ends(synapse("eval", "perplexity", "-m", MODEL, "-f", self.file("short", b"One.")), 1, "a window has 256")
        self.assert_ends(synapse("eval", "perplexity", "-m", MODEL, "-f", self.text, "-c", "512"), 1, "256")
        self.assert_ends(synapse("eval", "perplexity", "-m", MODEL, "-f", self.text, "-c", "64", "--stride", "65"), 1, "stride")
        self.assert_ends(synapse("eval", "perplexity", "-m", MODEL, "-f", self.path("none")), 1, "none")


class Trace(Measure):
    IDS = [4092, 614, 564, 258, 471]

    def trace(self, *args):
        out = self.path("t.safetensors")
        self.data_of(synapse("trace", "-m", MODEL, "--ids", " ".join(map(str, self.IDS)), "-o", out, "--force", *args))
        return safetensors(out)

    def test_names_are_in_the_order_of_computation(self):
        listed = self.json_of(synapse("trace", "-m", MODEL, "--ids", " ".join(map(str, self.IDS)), "--list", "--json"))
        names = [row["name"] for row in listed]
        layer = ["attn_q", "attn_k", "attn_v", "attn_q_norm", "attn_k_norm", "rope.q", "rope.k", "attention", "attn_output.linear_add",
                 "ffn_norm", "ffn_gate.gated_linears", "ffn_down.linear_add"]
        self.assertEqual(names[0], "token_embd")
        self.assertEqual(names[-1], "output")
        self.assertEqual(names[1:-1], [f"blk.{i}.{name}" for i in range(4) for name in layer])
        tensors = self.trace()
        self.assertEqual(list(tensors), names)
        self.assertEqual([t[1] for t in tensors.values()], [row["shape"] for row in listed])

    def test_values(self):
        tensors = self.trace()
        self.assertEqual(tensors["output"][2], self.logits(MODEL, self.IDS)[-1])  # the head's output is the logits
        # x + W y by hand, of one row and a few columns
        x, y = tensors["blk.0.ffn_down.linear_add"][2], tensors["blk.0.attn_output.linear_add"][2]
        self.assertNotEqual(x, y)
        shape, values = tensors["blk.0.ffn_norm"][1:]
        weight = gguf_floats(MODEL)[1]["blk.0.ffn_norm.weight"]
        row = y[:shape[1]]
        scale = 1 / math.sqrt(sum(v * v for v in row) / len(row) + 1e-6)
        for c in range(shape[1]):
            self.assertAlmostEqual(values[c], row[c] * scale * weight[c], delta=1e-5)

    def test_a_choice_of_tensors(self):
        every, some = self.trace(), self.trace("--tensors", "blk.[02].attention", "--tensors", "token_embd")
        self.assertEqual(list(some), ["token_embd", "blk.0.attention", "blk.2.attention"])
        self.assertEqual(some["blk.2.attention"], every["blk.2.attention"])
        prompt = self.path("p")
        self.data_of(synapse("trace", "-m", MODEL, "-p", PROMPT, "--tensors", "token_embd", "-o", prompt))
        self.assertEqual(safetensors(prompt)["token_embd"], every["token_embd"])

    def test_refusals(self):
        flags = ["trace", "-m", MODEL, "--ids", "1 2"]
        self.assert_ends(synapse(*flags), 2, "--list")
        self.assert_ends(synapse("trace", "-m", MODEL, "--list"), 2, "--ids")
        self.assert_ends(synapse(*flags, "--list", "--tensors", "nosuch*"), 1, "--list")
        self.assert_ends(synapse(*flags, "-o", self.file("there", b"mine")), 1, "--force")
        self.assert_ends(synapse("trace", "-m", MODEL, "--ids", "4096", "--list"), 1, "4096")


if __name__ == "__main__":
    unittest.main()
