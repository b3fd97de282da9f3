#!/usr/bin/env python3
"""Models in other people's forms: what convert writes, which names are found, what is refused.

Runs the binary that SYNAPSE_BINARY names. With SYNAPSE_TEST_DATA, on real models too.
"""
import json
import os
import resource
import signal
import struct
import subprocess
import sys
import unittest
from pathlib import Path

from cli import BINARY, MODEL, PROMPT, ROOT, Case, npy, synapse

DATA = Path(os.environ.get("SYNAPSE_TEST_DATA", ROOT / "../shared/data"))
PYTHON = os.environ.get("SYNAPSE_TEST_PYTHON")  # one with numpy and gguf

CONFIG = {"model_type": "llama", "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 1, "num_attention_heads": 2,
          "num_key_value_heads": 1, "vocab_size": 260, "max_position_embeddings": 64, "rms_norm_eps": 1e-5,
          "tie_word_embeddings": True, "hidden_act": "silu", "eos_token_id": [257, 258]}
CARD = """---
license: apache-2.0
base_model: org/Base-1B
language: [en]
---
# A model
"""


def letters():
    """GPT-2's letter of each byte."""
    shown = [b for b in range(256) if 33 <= b <= 126 or 161 <= b <= 172 or b >= 174]
    hidden = [b for b in range(256) if b not in shown]
    return {**{b: chr(b) for b in shown}, **{b: chr(256 + i) for i, b in enumerate(hidden)}}


def tokenizer_json():
    vocab = {letter: byte for byte, letter in letters().items()}
    vocab["th"] = 256
    added = [{"id": i, "content": text, "special": True} for i, text in ((257, "<|endoftext|>"), (258, "<|im_end|>"))]
    return json.dumps({
        "added_tokens": added, "normalizer": {"type": "NFC"},
        "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": False, "use_regex": True}, "decoder": {"type": "ByteLevel"},
        "model": {"type": "BPE", "vocab": vocab, "merges": [["t", "h"]]}})


def safetensors(tensors):
    """{name: shape} with weights that are a function of name and place, as float32."""
    header, body = {}, b""
    for name, shape in tensors.items():
        n = 1
        for dim in shape:
            n *= dim
        seed = sum(name.encode()) % 97
        values = [1.0] * n if len(shape) == 1 else [((i * 37 + seed) % 101 - 50) / 300 for i in range(n)]
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [len(body), len(body) + 4 * n]}
        body += struct.pack(f"<{n}f", *values)
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + body


class Import(Case):
    def make_folder(self, name="Tiny-1b"):
        folder = self.folder / name
        folder.mkdir()
        layer = "model.layers.0."
        shapes = {"model.embed_tokens.weight": [260, 32], "model.norm.weight": [32], layer + "input_layernorm.weight": [32],
                  layer + "post_attention_layernorm.weight": [32], layer + "self_attn.q_proj.weight": [32, 32],
                  layer + "self_attn.k_proj.weight": [16, 32], layer + "self_attn.v_proj.weight": [16, 32],
                  layer + "self_attn.o_proj.weight": [32, 32], layer + "mlp.gate_proj.weight": [64, 32],
                  layer + "mlp.up_proj.weight": [64, 32], layer + "mlp.down_proj.weight": [32, 64]}
        (folder / "model.safetensors").write_bytes(safetensors(shapes))
        (folder / "config.json").write_text(json.dumps(CONFIG))
        (folder / "generation_config.json").write_text(json.dumps({"temperature": 0.5, "top_k": 20}))
        (folder / "tokenizer.json").write_text(tokenizer_json())
        (folder / "tokenizer_config.json").write_text(json.dumps({"eos_token": "<|endoftext|>", "chat_template": "{{ messages }}"}))
        (folder / "README.md").write_text(CARD)
        return str(folder)

    def convert(self, *args, **kwargs):
        return self.json_of(synapse("convert", *args, "--json", **kwargs))

    def logits(self, model, ids="5 6 256 7"):
        out = str(self.folder / "logits.npy")
        self.assert_ends(synapse("logits", "-m", model, "--ids", ids, "--all", "-o", out), 0)
        return npy(out)[1]

    def names(self):
        return sorted(path.name for path in self.folder.iterdir())


class Convert(Import):
    def test_a_folder_and_its_gguf_are_the_same_model(self):
        folder, out = self.make_folder(), str(self.folder / "out.gguf")
        done = self.convert(folder, out)
        self.assertEqual(done["bytes"], os.path.getsize(out))
        self.assertEqual(self.logits(folder), self.logits(out))
        for text in ("the theth <|im_end|>", "e\u0301 caf\u00e9\n", ""):
            for flags in ([], ["--no-special"]):
                a, b = (self.json_of(synapse("tokenize", "-m", m, "--json", *flags, stdin=text)) for m in (folder, out))
                self.assertEqual(a, b)
        shown = self.json_of(synapse("show", "-m", out, "--json"))
        self.assertEqual([end["id"] for end in shown["stop"]], [257, 258])
        wanted = {"general.architecture": "llama", "general.name": "Tiny-1b", "general.basename": "Tiny", "general.size_label": "1B",
                  "general.license": "apache-2.0", "general.base_model.0.name": "Base 1B", "general.file_type": 0,
                  "general.base_model.0.repo_url": "https://huggingface.co/org/Base-1B", "general.languages": ["en"],
                  "general.sampling.temp": 0.5, "general.sampling.top_k": 20, "tokenizer.chat_template": "{{ messages }}",
                  "tokenizer.ggml.model": "gpt2", "tokenizer.ggml.pre": "gpt-2", "tokenizer.ggml.eos_token_id": 257,
                  "tokenizer.ggml.eot_token_id": 258, "synapse.tokenizer.normalizers": ["nfc", "", ""], "general.quantization_version": 2}
        for key, value in wanted.items():
            self.assertEqual(shown["metadata"].get(key), value, key)
        self.assertEqual(shown["metadata"]["tokenizer.ggml.tokens"]["count"], 260)

    def test_types(self):
        folder = self.make_folder()
        for kind in ("f16", "bf16", "Q8_0", "Q4_0"):
            out = str(self.folder / f"{kind}.gguf")
            self.convert(folder, out, "--type", kind)
            tensors = {t["name"]: t["type"] for t in self.json_of(synapse("show", "-m", out, "--json"))["tensors"]}
            self.assertEqual(tensors["blk.0.ffn_up.weight"], kind.upper())
            self.assertEqual(tensors["blk.0.ffn_norm.weight"], "F32")
            self.assertEqual(tensors["token_embd.weight"], "Q8_0" if kind == "Q4_0" else kind.upper())
            again = str(self.folder / f"{kind}-again.gguf")
            self.convert(out, again)
            self.assertEqual(self.logits(out), self.logits(again))
        process = synapse("convert", str(self.folder / "Q8_0.gguf"), str(self.folder / "back.gguf"), "--type", "f16")
        self.assert_ends(process, 1, "is Q8_0 and cannot become F16")
        self.assert_ends(synapse("convert", folder, "--type", "Q9"), 2, "there are: F32 F16 BF16 Q8_0 Q4_0")

    def test_the_default_name_is_in_this_folder_and_nothing_is_overwritten(self):
        self.make_folder()
        run = lambda *args: subprocess.run([BINARY, "convert", "Tiny-1b", *args], cwd=self.folder, capture_output=True)
        self.assertEqual(self.data_of(run()), "Tiny-1B-F32.gguf\n")
        self.assert_ends(run(), 1, "Tiny-1B-F32.gguf: is there already; --force overwrites it")
        self.assert_ends(run("--force"), 0)
        self.assertEqual(self.names(), ["Tiny-1B-F32.gguf", "Tiny-1b"])

    def test_a_full_disk_is_an_error_and_leaves_nothing(self):
        folder = self.make_folder()

        def limit():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))
        process = subprocess.run([BINARY, "convert", folder, str(self.folder / "out.gguf")], capture_output=True, preexec_fn=limit)
        self.assert_ends(process, 1, "out.gguf: File too large")
        self.assertEqual(self.names(), ["Tiny-1b"])

    def test_stdout_is_the_name_alone_and_no_bar_without_a_terminal(self):
        process = synapse("convert", MODEL, str(self.folder / "copy.gguf"))
        self.assertEqual(self.data_of(process), str(self.folder / "copy.gguf") + "\n")
        self.assertEqual(process.stderr, b"")
        self.assertEqual(self.logits(MODEL, "5 6"), self.logits(str(self.folder / "copy.gguf"), "5 6"))

    @unittest.skipUnless(PYTHON, "SYNAPSE_TEST_PYTHON names no Python with gguf")
    def test_the_public_reader_reads_all_of_it(self):
        out = str(self.folder / "out.gguf")
        done = self.convert(self.make_folder(), out)
        script = ("import gguf,sys; r=gguf.GGUFReader(sys.argv[1]); [f.contents() for f in r.fields.values()]; "
                  "print(len(r.tensors), len([k for k in r.fields if not k.startswith('GGUF.')]))")
        counts = subprocess.run([PYTHON, "-c", script, out], capture_output=True, text=True)
        self.assertEqual(counts.stdout.split(), [str(done["tensors"]), str(done["metadata"])], counts.stderr)


class Names(Import):
    def test_caches_of_others_are_read(self):
        commit, digest = "c" * 40, "a" * 64
        hub, store = self.folder / "hub", self.folder / "ollama"
        snapshot = hub / "models--org--Tiny-1b" / "snapshots" / commit
        (hub / "models--org--Tiny-1b" / "refs").mkdir(parents=True)
        (hub / "models--org--Tiny-1b" / "refs/main").write_text(commit)
        snapshot.parent.mkdir()
        Path(self.make_folder()).rename(snapshot)
        manifest = store / "manifests/registry.ollama.ai/library/story/latest"
        manifest.parent.mkdir(parents=True)
        layer = {"mediaType": "application/vnd.ollama.image.model", "digest": "sha256:" + digest}
        manifest.write_text(json.dumps({"layers": [layer]}))
        (store / "blobs").mkdir()
        (store / f"blobs/sha256-{digest}").symlink_to(MODEL)
        env = {"HF_HUB_CACHE": str(hub), "OLLAMA_MODELS": str(store)}

        shown = self.json_of(synapse("show", "-m", "org/Tiny-1b", "--json", env=env))
        self.assertEqual((shown["name"], shown["metadata"]["general.organization"]), ("Tiny-1b", "org"))
        text = self.data_of(synapse("run", "-m", "story", "-p", PROMPT, "-n", "8", "--temp", "0", env=env))
        self.assertEqual(text, ", there was a little girl named Lily\n")
        listed = {m["name"]: m["source"] for m in self.json_of(synapse("list", "--json", env=env))}
        self.assertEqual(listed["org/Tiny-1b"], "huggingface")
        self.assertEqual(listed["story:latest"], "ollama")
        self.assertIn("org/Tiny-1b", self.data_of(synapse("list", env=env)))
        process = synapse("show", "-m", "org/other", env=env)
        self.assert_ends(process, 1, "org/other: no such file, folder or model name; names are: ")
        self.assert_ends(process, 1, str(hub))

    def test_a_quantised_folder_is_refused_by_method(self):
        folder = Path(self.make_folder())
        config = {**CONFIG, "quantization_config": {"quant_method": "gptq", "bits": 4, "group_size": 128}}
        (folder / "config.json").write_text(json.dumps(config))
        self.assert_ends(synapse("run", "-m", str(folder), "-p", "a"), 1, 'quant_method "gptq" (4 bits, groups of 128) is not read')


@unittest.skipUnless((DATA / "weights/stories260K").is_dir(), "no test data")
class RealModels(Import):
    def test_stories260K_from_llama2c_is_the_reference(self):
        folder = DATA / "weights/stories260K"
        wanted = json.loads((folder / "derived-reference.json").read_text())["greedy_ids_incl_bos"][1:257]
        checkpoint, out = str(folder / "stories260K.bin"), str(self.folder / "stories.gguf")
        self.convert(checkpoint, out)
        for model in (checkpoint, out):
            process = synapse("run", "-m", model, "-p", "", "-n", "256", "--temp", "0", "--json")
            self.assertEqual(self.json_of(process)["ids"], wanted)
        self.assertEqual(self.logits(checkpoint), self.logits(out))

    def test_the_story_model_keeps_its_logits_and_ids(self):
        folder, out = str(DATA / "models/synapse-story-4m"), str(self.folder / "story.gguf")
        self.convert(folder, out)
        self.assertEqual(self.logits(folder), self.logits(out))
        tokens = [self.json_of(synapse("tokenize", "-m", m, "--json", "-p", PROMPT + " caf\u00e9 <|im_end|>")) for m in (folder, out)]
        self.assertEqual(*tokens)


if __name__ == "__main__":
    sys.exit(unittest.main())
