#!/usr/bin/env python3
"""Files and prompts that crashed other engines, or let them be taken over: here each is an error that says what is wrong.

One case for each published report that a file or a prompt can carry; its name is the report's. Runs the binary that
SYNAPSE_BINARY names (default: build/release/synapse), which may be built with sanitizers: what they print fails a case.
"""
import json
import os
import resource
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

from gguf_file import ARRAY, F32, I32, STRING, U32, GgufFile, array, text, u32, u64

ROOT = Path(__file__).resolve().parents[2]
BINARY = os.environ.get("SYNAPSE_BINARY", str(ROOT / "build/release/synapse"))
BUNDLED = str(ROOT / "models/bundled/synapse-story-4m-Q8_0.gguf")
SANITIZED = b"__asan_init" in Path(BINARY).read_bytes()  # such a program reserves terabytes


def limit_memory():
    if not SANITIZED:
        resource.setrlimit(resource.RLIMIT_DATA, (1 << 30, 1 << 30))


class Hostile(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.shared = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.shared.cleanup)
        cls.sound = cls.shared.name + "/sound.gguf"
        subprocess.run([BINARY, "synth", "tiny-llama", "-o", cls.sound], check=True, capture_output=True)

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.gguf = GgufFile.read(self.sound)

    def run_binary(self, *args, env=None):
        environment = {k: v for k, v in os.environ.items() if not k.startswith("SYNAPSE_")}
        return subprocess.run([BINARY, *args], stdin=subprocess.DEVNULL, capture_output=True, timeout=60,
                              env=environment | (env or {}), preexec_fn=limit_memory)

    def refused(self, *args, naming, code=1, env=None):
        """The program ends by itself, with an error whose text has `naming` in it, and prints no data."""
        process = self.run_binary(*args, env=env)
        errors = process.stderr.decode(errors="replace")
        self.assertEqual(process.returncode, code, errors)
        self.assertEqual(process.stdout, b"")
        self.assertNotIn("Sanitizer", errors)
        self.assertNotIn("runtime error", errors)
        self.assertIn("synapse: ", errors)
        self.assertIn(naming, errors)

    def refused_model(self, data, naming):
        """By every verb that reads a model."""
        path = self.folder / "model.gguf"
        path.write_bytes(data.bytes() if isinstance(data, GgufFile) else data)
        for verb in (["run", "-p", "a", "-n", "1"], ["logits", "--ids", "1", "-o", str(self.folder / "out.npy")]):
            with self.subTest(verb=verb[0]):
                self.refused(*verb, "-m", str(path), naming=naming)

    def test_the_sound_file_runs(self):
        """What the cases below are made from, put together again, is a model."""
        path = self.folder / "model.gguf"
        path.write_bytes(self.gguf.bytes())
        process = self.run_binary("run", "-m", str(path), "-p", "a", "-n", "1", "--temp", "0")
        self.assertEqual(process.returncode, 0, process.stderr)

    # GGUF: counts, lengths and sizes that lie.

    def test_CVE_2024_21802_more_dimensions_than_a_tensor_has(self):
        self.gguf.tensors[0].n_dims = 0x7FFFFFFF
        self.refused_model(self.gguf, "dim")

    def test_CVE_2024_21825_array_length(self):
        for kind, size in ((STRING, 1 << 60), (F32, (1 << 62) + 1), (I32, 0xFFFFFFFFFFFFFFFF)):
            with self.subTest(kind=kind):
                self.gguf.metadata["a.b"] = (ARRAY, array(kind, [], size))
                self.refused_model(self.gguf, "a.b")

    def test_CVE_2024_21836_tensor_count(self):
        for n in (1 << 63, (1 << 64) - 1, 1 << 40):
            with self.subTest(n=n):
                self.gguf.n_tensors = n
                self.refused_model(self.gguf, str(n))

    def test_CVE_2024_23496_string_length(self):
        for n in ((1 << 64) - 1, 1 << 63, 1 << 32):
            with self.subTest(n=n):
                self.gguf.metadata["a.b"] = (STRING, text("x", n))
                self.refused_model(self.gguf, "a.b")

    def test_CVE_2024_23605_metadata_count(self):
        for n in (1 << 63, (1 << 64) - 1, 1 << 40):
            with self.subTest(n=n):
                self.gguf.n_entries = n
                self.refused_model(self.gguf, str(n))

    def test_CVE_2024_41130_nothing_where_a_name_should_be(self):
        whole = self.gguf.bytes()
        for n in (0, 3, 4, 8, 16, 24, 28, 40, 100, len(whole) // 2, len(whole) - 1):
            with self.subTest(bytes=n):
                self.refused_model(whole[:n], "model.gguf")

    def test_CVE_2025_53630_sum_of_tensor_sizes(self):
        for tensor in self.gguf.tensors:
            tensor.dims, tensor.dtype = [1 << 30, 1 << 31], 0
        self.refused_model(self.gguf, self.gguf.tensors[0].name)

    def test_CVE_2026_27940_sum_that_passes_a_check_of_the_sum(self):
        self.gguf.tensors[0].dims, self.gguf.tensors[0].dtype = [(1 << 62) - 8], 0  # 2^64 - 32 bytes, padded: 2^64
        self.refused_model(self.gguf, self.gguf.tensors[0].name)

    def test_GHSA_vgg9_87g3_85w8_elements_times_size(self):
        for dims in ([1 << 33, 1 << 33], [1 << 62], [1 << 63], [3, 1 << 63], [(1 << 64) - 1]):
            with self.subTest(dims=dims):
                self.gguf.tensors[0].dims = dims
                self.refused_model(self.gguf, self.gguf.tensors[0].name)

    def test_GHSA_96jg_mvhq_q7q7_size_that_padding_wraps(self):
        self.gguf.tensors[0].dims, self.gguf.tensors[0].dtype = [(1 << 64) - 31], 24  # bytes of I8
        self.refused_model(self.gguf, self.gguf.tensors[0].name)

    def test_llama_cpp_15711_count_times_overhead(self):
        self.gguf.n_tensors = ((1 << 63) - 1) // 300
        self.refused_model(self.gguf, str(self.gguf.n_tensors))

    def test_llama_cpp_18674_dimension_that_is_negative_when_signed(self):
        self.gguf.tensors[0].dims = [(1 << 64) - 64, 2]
        self.refused_model(self.gguf, self.gguf.tensors[0].name)

    def test_llama_cpp_25821_block_count(self):
        for n in (513, 1 << 20, 0x7FFFFFFF, 0xFFFFFFFF):
            with self.subTest(n=n):
                self.gguf.metadata["llama.block_count"] = (U32, u32(n))
                self.refused_model(self.gguf, "block_count" if n > 0xFFFF else "blk.")

    def test_llama_cpp_26690_array_of_another_type(self):
        for key, value in (("tokenizer.ggml.merges", array(I32, [1, 2])), ("tokenizer.ggml.token_type", array(F32, [1.0])),
                           ("tokenizer.ggml.tokens", array(I32, [1, 2, 3]))):
            with self.subTest(key=key):
                gguf = GgufFile.read(self.sound)
                gguf.metadata[key] = (ARRAY, value)
                path = self.folder / "model.gguf"
                path.write_bytes(gguf.bytes())
                self.refused("tokenize", "-m", str(path), "--ids", "-p", "a", naming=key)

    def test_llama_cpp_24997_alignment(self):
        for n in (0, 3, 0x80000000, 0xFFFFFFFF):
            with self.subTest(n=n):
                self.gguf.metadata["general.alignment"] = (U32, u32(n))
                self.refused_model(self.gguf, "general.alignment")

    def test_CVE_2026_7482_tensor_beyond_the_end_of_the_file(self):
        last = max(self.gguf.tensors, key=lambda t: t.offset)
        for offset in (len(self.gguf.data) // 32 * 32, 1 << 40, (1 << 64) - 32):
            with self.subTest(offset=offset):
                last.offset = offset
                self.refused_model(self.gguf, last.name)
        last.offset = 0
        self.refused_model(self.gguf.bytes()[:-64], "model.gguf")

    # Vocabularies and prompts.

    def test_CVE_2025_49847_token_longer_than_any_buffer(self):
        self.gguf.metadata["tokenizer.ggml.tokens"] = (ARRAY, array(STRING, ["a"]) + text("x", (1 << 31) + 1))
        kind, value = self.gguf.metadata["tokenizer.ggml.tokens"]
        self.gguf.metadata["tokenizer.ggml.tokens"] = (kind, value[:4] + u64(2) + value[12:])
        self.refused_model(self.gguf, "tokenizer.ggml.tokens")

    def test_CVE_2025_49847_a_token_of_a_megabyte(self):
        """A long token is no error; it is written whole."""
        tokens = ["<unk>", "<s>", "</s>", "x" * (1 << 20)] + [f"<0x{b:02X}>" for b in range(256)]
        gguf = GgufFile()
        gguf.metadata = {"general.architecture": (STRING, text("llama")), "tokenizer.ggml.model": (STRING, text("llama")),
                         "tokenizer.ggml.tokens": (ARRAY, array(STRING, tokens)),
                         "tokenizer.ggml.scores": (ARRAY, array(F32, [0.0] * len(tokens))),
                         "tokenizer.ggml.token_type": (ARRAY, array(I32, [2, 3, 3, 1] + [6] * 256))}
        path = self.folder / "vocabulary.gguf"
        path.write_bytes(gguf.bytes())
        process = self.run_binary("detokenize", "-m", str(path), "--ids", "3 3")
        self.assertEqual(process.returncode, 0, process.stderr)
        self.assertEqual(process.stdout.strip(), b"x" * (2 << 20))

    def test_CVE_2025_52566_prompt_of_more_tokens_than_there_is_room(self):
        prompt = self.folder / "prompt"
        prompt.write_text("the " * 200000)
        self.refused("run", "-m", BUNDLED, "-f", str(prompt), "-n", "1", naming="256")

    def test_llama_cpp_25969_byte_token_of_no_byte(self):
        for name in ("<0x-1>", "<0x100>", "<0xZZ>", "<0x>", "<0x"):
            with self.subTest(name=name):
                gguf = GgufFile()
                gguf.metadata = {"general.architecture": (STRING, text("llama")), "tokenizer.ggml.model": (STRING, text("llama")),
                                 "tokenizer.ggml.tokens": (ARRAY, array(STRING, ["<unk>", "a", name])),
                                 "tokenizer.ggml.scores": (ARRAY, array(F32, [0.0] * 3)),
                                 "tokenizer.ggml.token_type": (ARRAY, array(I32, [2, 1, 6]))}
                path = self.folder / "vocabulary.gguf"
                path.write_bytes(gguf.bytes())
                self.refused("tokenize", "-m", str(path), "--ids", "-p", "a", naming=name)

    # Numbers from outside.

    def test_CVE_2026_21869_negative_count(self):
        for flag, value in (("--predict", "-2"), ("--ctx-size", "-1"), ("--batch-size", "-1"), ("--batch-size", "0"),
                            ("--threads", "-1"), ("--predict", "99999999999")):
            with self.subTest(flag=flag, value=value):
                self.refused("run", "-m", BUNDLED, "-p", "a", flag, value, naming=flag, code=2)

    def test_llama_cpp_19367_extreme_sampler_values(self):
        for flag, name in (("--temp", "temp"), ("--top-p", "top"), ("--min-p", "min"), ("--repeat-penalty", "repeat"),
                           ("--presence-penalty", "presence"), ("--frequency-penalty", "frequency")):
            for value in ("nan", "inf", "-inf", "-1e38"):
                if flag in ("--presence-penalty", "--frequency-penalty") and value == "-1e38":
                    continue  # a number like any other
                with self.subTest(flag=flag, value=value):
                    self.refused("run", "-m", BUNDLED, "-p", "a", "-n", "4", f"{flag}={value}", naming=name)

    # JSON and safetensors.

    def hf_folder(self, config=None, header=None, data=b"", n_header=None):
        folder = self.folder / "hf"
        folder.mkdir(exist_ok=True)
        if config is None:
            config = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 64, "num_hidden_layers": 1,
                      "num_attention_heads": 4, "intermediate_size": 128, "max_position_embeddings": 64, "rms_norm_eps": 1e-5,
                      "vocab_size": 32}
        (folder / "config.json").write_bytes(config if isinstance(config, bytes) else json.dumps(config).encode())
        if header is not None:
            body = header if isinstance(header, bytes) else json.dumps(header).encode()
            (folder / "model.safetensors").write_bytes(u64(len(body) if n_header is None else n_header) + body + data)
        return str(folder)

    def test_llama_cpp_27434_deep_json(self):
        for name, n in (("config.json", 100000), ("config.json", 65)):
            with self.subTest(n=n):
                self.refused("show", "-m", self.hf_folder(b"[" * n + b"]" * n, {}), naming=name)
        deep = b'{"a":' + b"[" * 100000 + b"]" * 100000 + b"}"
        self.refused("show", "-m", self.hf_folder(None, deep), naming="model.safetensors")

    def test_safetensors_audit(self):
        def tensor(begin, end, shape=(1,)):
            return {"dtype": "F32", "shape": list(shape), "data_offsets": [begin, end]}
        cases = {
            "header longer than the file": ({}, b"", 1 << 62, "model.safetensors"),
            "header of more than 100 MB": ({}, b"", 100_000_001, "model.safetensors"),
            "no object": (b"[]", b"", None, "model.safetensors"),
            "a name twice": (b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}',
                             bytes(4), None, '"a"'),
            "a hole": ({"a": tensor(0, 4), "b": tensor(8, 12)}, bytes(12), None, "b"),
            "an overlap": ({"a": tensor(0, 4), "b": tensor(0, 4)}, bytes(4), None, "b"),
            "bytes after the end": ({"a": tensor(0, 4)}, b"GGUF" * 4, None, "model.safetensors"),
            "offsets backwards": ({"a": tensor(4, 0)}, bytes(4), None, "a"),
            "a shape of more bytes": ({"a": tensor(0, 4, (1 << 40, 1 << 40))}, bytes(4), None, "a"),
            "an offset beyond the file": ({"a": tensor(0, 1 << 40, (1 << 38,))}, bytes(4), None, "a"),
        }
        for name, (header, data, n_header, naming) in cases.items():
            with self.subTest(case=name):
                self.refused("show", "-m", self.hf_folder(None, header, data, n_header), naming=naming)

    # Names, patterns and templates.

    def test_CVE_2024_37032_digest_that_leads_out_of_the_store(self):
        secret = self.folder / "secret.gguf"
        secret.write_bytes(self.gguf.bytes())
        manifests = self.folder / "ollama/manifests/registry.ollama.ai/library/evil"
        manifests.mkdir(parents=True)
        (self.folder / "ollama/blobs").mkdir()
        for digest in ("sha256:../../secret.gguf", "../../secret.gguf", "sha256-" + "a" * 64 + "/../../secret.gguf", "sha256:" + "A" * 63):
            with self.subTest(digest=digest):
                (manifests / "latest").write_text(json.dumps({"schemaVersion": 2, "layers": [
                    {"mediaType": "application/vnd.ollama.image.model", "digest": digest, "size": 1}]}))
                self.refused("show", "-m", "evil", naming="digest", env={"OLLAMA_MODELS": str(self.folder / "ollama")})
        for name in ("../evil", "evil/../../secret", "evil:../../latest", "..:latest", "org/../name"):
            with self.subTest(name=name):
                self.refused("show", "-m", name, naming=name, env={"OLLAMA_MODELS": str(self.folder / "ollama"),
                                                                  "HF_HUB_CACHE": str(self.folder)})

    def test_llama_cpp_25308_pattern_that_takes_for_ever(self):
        tokenizer = {"version": "1.0", "added_tokens": [], "normalizer": None, "post_processor": None, "decoder": None,
                     "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
                         {"type": "Split", "pattern": {"Regex": "(a+)+$"}, "behavior": "Isolated", "invert": False},
                         {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}]},
                     "model": {"type": "BPE", "vocab": {"a": 0, "b": 1}, "merges": []}}
        (self.folder / "tokenizer.json").write_text(json.dumps(tokenizer))
        text = self.folder / "text"
        text.write_text("a" * 5000 + "b")
        start = time.monotonic()
        self.refused("tokenize", "-m", str(self.folder), "--ids", "-f", str(text), naming="pattern")
        self.assertLess(time.monotonic() - start, 20)

    def test_templates_that_never_end(self):
        loop = "{% for i in range(1000000000) %}"
        cases = {
            "a huge range": loop + "x{% endfor %}",
            "loops in loops": "{% for a in range(9999) %}{% for b in range(9999) %}{% for c in range(9999) %}{% endfor %}{% endfor %}{% endfor %}",
            "a macro that calls itself": "{% macro f(n) %}{{ f(n + 1) }}{% endmacro %}{{ f(0) }}",
            "macros that call each other": "{% macro f() %}{{ g() }}{% endmacro %}{% macro g() %}{{ f() }}{% endmacro %}{{ f() }}",
            "a text that doubles": "{% set ns = namespace(s='x') %}{% for i in range(99) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}{{ ns.s }}",
            "a huge text": "{{ 'x' * 99999999999 }}",
            "a list that doubles": "{% set ns = namespace(l=[1]) %}{% for i in range(99) %}{% set ns.l = ns.l + ns.l %}{% endfor %}{{ ns.l }}",
            "a huge width": "{{ '%999999999d' | format(1) }}",
            "deep brackets": "{{ " + "(" * 100000 + "1" + ")" * 100000 + " }}",
            "deep blocks": "{% if 1 %}" * 40000 + "{% endif %}" * 40000,
            "a huge power": "{{ 9 ** 9 ** 9 ** 9 }}",
            "a split into everything": "{{ ('ab' * 4000000).split('b') | join('c') | replace('c', 'dddddddd') }}",
        }
        for name, template in cases.items():
            with self.subTest(case=name):
                path = self.folder / "t.jinja"
                path.write_text(template)
                context = self.folder / "c.json"
                context.write_text('{"messages": []}')
                before = resource.getrusage(resource.RUSAGE_CHILDREN)
                self.refused("render", "--template", str(path), "--context", str(context), naming="line ")
                after = resource.getrusage(resource.RUSAGE_CHILDREN)
                took = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
                if not SANITIZED:
                    self.assertLess(took, 0.1, "seconds of the processor")


if __name__ == "__main__":
    unittest.main()
