#!/usr/bin/env python3
"""How tokens are chosen, from outside: flags, what a model's files recommend, and which of them wins."""
import json
import os
import shutil
import struct
import unittest
from pathlib import Path

from cli import MODEL, PROMPT, ROOT, Case, gguf_with, greedy, synapse

DATA = Path(os.environ.get("SYNAPSE_TEST_DATA", ROOT / "../shared/data"))


def model_with(**metadata):
    """The bundled model with more metadata. What is put in is a multiple of 32 bytes, so that its tensors stay aligned."""
    model = Path(MODEL).read_bytes()
    entries = len(metadata) + 1
    added = gguf_with(**metadata)[24:]
    padding = "x" * (-(len(added) + 8 + 3 + 4 + 8) % 32)
    added += gguf_with(pad=padding)[24:]
    assert len(added) % 32 == 0
    n_tensors, n_entries = struct.unpack("<QQ", model[8:24])
    return model[:8] + struct.pack("<QQ", n_tensors, n_entries + entries) + added + model[24:]


class Precedence(Case):
    def origins(self, *args, **kwargs):
        return self.json_of(synapse("show", *args, "--json", **kwargs))["sampling"]

    def test_ours_when_nobody_says_anything(self):
        sampling = self.origins(MODEL)
        for name, value in (("temp", 0.8), ("top-k", 40), ("top-p", 0.95), ("min-p", 0.05)):
            self.assertEqual(sampling[name], {"value": value, "from": "default"})
        for text in ("(default: 0.8)", "(default: 40)", "(default: 0.95)", "(default: 0.05)"):
            self.assertIn(text, self.data_of(synapse("run", "--help")))

    def test_every_recommendation_of_a_file_is_read(self):
        path = self.file("m.gguf", gguf_with(
            general__architecture="nosuch", general__sampling__temp=0.25, general__sampling__top_k=7,
            general__sampling__top_p=0.5, general__sampling__min_p=0.125, general__sampling__xtc_probability=0.5,
            general__sampling__xtc_threshold=0.25, general__sampling__penalty_last_n=9,
            general__sampling__penalty_repeat=1.5, general__sampling__mirostat=2, general__sampling__mirostat_tau=3.0,
            general__sampling__mirostat_eta=0.5, general__sampling__sequence="top_k;temperature"))
        sampling = self.origins(path)
        for name, value, key in (("temp", 0.25, "temp"), ("top-k", 7, "top_k"), ("top-p", 0.5, "top_p"),
                                 ("min-p", 0.125, "min_p"), ("xtc-probability", 0.5, "xtc_probability"),
                                 ("xtc-threshold", 0.25, "xtc_threshold"), ("repeat-last-n", 9, "penalty_last_n"),
                                 ("repeat-penalty", 1.5, "penalty_repeat"), ("mirostat", 2, "mirostat"),
                                 ("mirostat-ent", 3, "mirostat_tau"), ("mirostat-lr", 0.5, "mirostat_eta"),
                                 ("samplers", "top_k;temperature", "sequence")):
            self.assertEqual(sampling[name], {"value": value, "from": "general.sampling." + key})
        self.assertIn("temp          0.25 (general.sampling.temp)", self.data_of(synapse("show", path)))

    def test_a_folder_has_generation_config(self):
        source = DATA / "tiny-hf"
        if not source.exists():
            self.skipTest("no tiny-hf")
        folder = self.folder / "hf"
        folder.mkdir()
        shutil.copy(source / "tiny_llama.safetensors", folder / "model.safetensors")
        shutil.copy(source / "tiny_llama_config.json", folder / "config.json")
        config = folder / "generation_config.json"
        config.write_text(json.dumps({"temperature": 0.5, "top_k": 3}))
        self.assertEqual(self.origins(str(folder))["temp"], {"value": 0.5, "from": "generation_config.json"})
        self.assertEqual(self.origins(str(folder))["top-p"]["from"], "default")
        config.write_text(json.dumps({"temperature": 0.5, "do_sample": False}))
        self.assertEqual(self.origins(str(folder))["temp"], {"value": 0, "from": "generation_config.json"})

    def test_flag_then_environment_then_file(self):
        path = self.file("m.gguf", model_with(general__sampling__temp=0.0, general__sampling__top_k=5))
        flags = ["run", path, PROMPT, "-n", "12", "--json", "-s", "3"]
        by_file = self.json_of(synapse(*flags))
        self.assertEqual(by_file["text"], greedy("-n", "12").stdout.decode()[:-1])
        self.assertEqual(by_file["sampling"]["temp"]["from"], "general.sampling.temp")
        by_environment = self.json_of(synapse(*flags, env={"SYNAPSE_TEMP": "1.5"}))
        self.assertEqual(by_environment["sampling"]["temp"], {"value": 1.5, "from": "flag"})
        self.assertNotEqual(by_environment["text"], by_file["text"])
        by_flag = self.json_of(synapse(*flags, "--temp", "0", env={"SYNAPSE_TEMP": "1.5"}))
        self.assertEqual(by_flag["sampling"]["temp"], {"value": 0, "from": "flag"})
        self.assertEqual(by_flag["sampling"]["top-k"], {"value": 5, "from": "general.sampling.top_k"})
        self.assertEqual(by_flag["text"], by_file["text"])

    def test_what_a_file_recommends_may_be_nonsense(self):
        for metadata, found in (({"general__sampling__top_p": 7.0}, "general.sampling.top_p: top-p: 7"),
                                ({"general__sampling__top_k": "many"}, "general.sampling.top_k: not a whole number"),
                                ({"general__sampling__sequence": "top_k;magic"}, "general.sampling.sequence")):
            path = self.file("m.gguf", model_with(**metadata))
            self.assert_ends(synapse("run", path, PROMPT), 1, found)
            self.assertIn("fault", self.origins(path))
            flag = {"top_p": ["--top-p", "1"], "top_k": ["--top-k", "0"], "sequence": ["--samplers", "temperature"]}
            self.data_of(synapse("run", path, PROMPT, "-n", "1", *flag[next(iter(metadata)).split("__")[-1]]))

    def test_verbose_says_what_was_used(self):
        errors = greedy("-n", "1", "-v", "--top-k", "7").stderr.decode()
        self.assertIn("temp 0 (flag), top-k 7 (flag), top-p 0.95 (default)", errors)


class Stages(Case):
    def text(self, *args):
        return self.data_of(synapse("run", "-m", MODEL, "-p", PROMPT, "-n", "24", "-s", "5", *args))

    def test_every_stage_has_its_part(self):
        usual = self.text("--temp", "1.5")
        for flags in (["--typical", "0.2"], ["--top-n-sigma", "0.5"], ["--xtc-probability", "1", "--xtc-threshold", "0.01"],
                      ["--dry-multiplier", "5", "--dry-allowed-length", "0"], ["--mirostat", "2", "--mirostat-tau", "1"],
                      ["--repeat-penalty", "2"], ["--samplers", "temperature"]):
            with self.subTest(flags=flags):
                self.assertNotEqual(self.text("--temp", "1.5", *flags), usual)
                self.assertEqual(self.text("--temp", "1.5", *flags), self.text("--temp", "1.5", *flags, "-t", "1"))

    def test_other_spellings(self):
        for one, other in ((["--typical", "0.3"], ["--typical-p", "0.3"]), (["--top-nsigma", "1"], ["--top-n-sigma", "1"]),
                           (["--mirostat", "2", "--mirostat-ent", "3"], ["--mirostat", "2", "--mirostat-tau", "3"]),
                           (["--samplers", "top_k;typ_p;temperature"], ["--sampling-seq", "kyt"])):
            self.assertEqual(self.text(*one), self.text(*other))

    def test_the_default_order_may_be_spelled_out(self):
        order = "penalties;dry;top_n_sigma;top_k;typ_p;top_p;min_p;xtc;temperature"
        self.assertEqual(self.text("--samplers", order), self.text())

    def test_unknown_names_and_values_are_refused(self):
        self.assert_ends(synapse("run", MODEL, "x", "--samplers", "top_k;magic"), 2, "magic")
        self.assert_ends(synapse("run", MODEL, "x", "--sampler-seq", "kz"), 2, "\"z\"")
        self.assert_ends(synapse("run", MODEL, "x", "--mirostat", "1"), 1, "wanted 0 or 2")
        self.assert_ends(synapse("run", MODEL, "x", "--typical", "0"), 1, "typical: 0, wanted above 0")
        self.assert_ends(synapse("run", MODEL, "x", "--dry-multiplier", "1", "--dry-sequence-breaker", "no such text"), 1,
                         "in no token")

    def test_dry_breaks_a_loop_and_breakers_protect(self):
        # Greedy goes on with what it read over and over, DRY does not, unless nothing may reach across "and".
        flags = ["run", MODEL, "the dog and the cat and the dog and the cat and the dog and", "--temp", "0", "-n", "2"]
        plain = self.data_of(synapse(*flags))
        dry = ["--dry-multiplier", "100", "--dry-allowed-length", "2", "--dry-sequence-breaker"]
        self.assertNotEqual(self.data_of(synapse(*flags, *dry, "none")), plain)
        self.assertEqual(self.data_of(synapse(*flags, *dry, " and")), plain)

    def test_ignore_eos_goes_on_to_the_limit(self):
        result = self.json_of(greedy("--ignore-eos", "--json"))
        self.assertEqual(result["finish"], "length")
        self.assertEqual(result["prompt_tokens"] + result["generated_tokens"], 256)


if __name__ == "__main__":
    unittest.main()
