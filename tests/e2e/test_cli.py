#!/usr/bin/env python3
"""The command line from outside: what it prints where, how it ends, what it refuses.

Runs the binary that SYNAPSE_BINARY names (default: build/release/synapse) on the bundled model.
"""
import fcntl
import json
import os
import select
import shutil
import signal
import struct
import subprocess
import termios
import time
import unittest
from pathlib import Path

from cli import BINARY, MODEL, PROMPT, SANITIZED, Case, gguf_with, greedy, npy, synapse

PROMPT_IDS = [4092, 614, 564, 258, 471]

# Greedy continuation by a float32 forward of the unquantised weights (models/bundled/README.md).
GREEDY_IDS = [11, 429, 299, 258, 447, 591, 870, 528, 13, 372, 828, 896, 332, 340, 1103, 269, 1006, 1080, 273, 459, 300,
              261, 974, 13, 786, 427, 11, 528, 377, 480, 644, 340, 273, 1138, 1779, 258, 2579, 726, 273, 470, 4011, 13,
              551, 861, 299, 355, 880, 273, 700, 340, 480, 13, 372, 2161, 261, 2579, 726, 269, 684, 1080, 13, 323, 2579,
              726]
GREEDY_TEXT = (", there was a little girl named Lily. She loved playing with her toys and going outside to play in the sun."
               " One day, Lily's mom asked her to deliver a package to their neighbor. \n\nLily was so excited to help her"
               " mom. She grabbed the package and ran outside. The package")
TOP_LOGIT = 17.6448  # of id 11 after PROMPT_IDS, in float32


class Run(Case):
    def test_greedy_text_is_the_reference(self):
        process = greedy("-n", "64")
        self.assertEqual(self.data_of(process), GREEDY_TEXT + "\n")
        self.assertEqual(process.stderr, b"")

    def test_model_by_name(self):
        self.assertEqual(self.data_of(synapse("run", "-m", "synapse-story-4m", "-p", PROMPT, "-n", "8", "--temp", "0")),
                         ", there was a little girl named Lily\n")

    def test_prompt_from_file_and_stdin(self):
        short = self.data_of(greedy("-n", "8"))
        flags = ["run", "-m", MODEL, "-n", "8", "--temp", "0"]
        self.assertEqual(self.data_of(synapse(*flags, "-f", self.file("prompt", PROMPT.encode()))), short)
        self.assertEqual(self.data_of(synapse(*flags, stdin=PROMPT)), short)
        self.assertEqual(self.data_of(synapse(*flags, stdin=PROMPT + "\n")), short)  # as echo gives it
        line = self.file("line", PROMPT.encode() + b"\n")
        ids = self.data_of(synapse("tokenize", "-m", MODEL, "-f", line, "--ids")).split()
        self.assertEqual(self.json_of(synapse(*flags, "-f", line, "--json"))["prompt_tokens"], len(ids))

    def test_threads_and_instruction_sets_do_not_change_the_text(self):
        variants = self.json_of(synapse("doctor", "--json"))["kernel_variants"]
        self.assertIn("scalar", variants)
        for isa in variants:
            for threads in ("1", "2"):
                with self.subTest(isa=isa, threads=threads):
                    process = greedy("-n", "24", "-t", threads, env={"SYNAPSE_ISA": isa})
                    self.assertEqual(self.data_of(process), greedy("-n", "24").stdout.decode())

    def test_weights_read_as_they_lie_in_the_file_give_the_same_text(self):
        self.assertEqual(self.data_of(greedy("-n", "24", "--no-repack")), greedy("-n", "24").stdout.decode())
        tests = [self.json_of(synapse("bench", "-m", MODEL, "-p", "4", "-n", "0", "-r", "1", "--json", env={"SYNAPSE_NO_REPACK": given}))
                 for given in ("0", "1")]
        self.assertEqual([test["repack"] for test in tests], [True, False])

    def test_weights_packed_in_a_file_give_the_same_text(self):
        model, env = str(self.folder / "model.gguf"), {"XDG_CACHE_HOME": str(self.folder)}
        shutil.copy(MODEL, model)
        run = ["run", "-m", model, "-p", "Once upon a time", "-n", "24", "--temp", "0"]
        text = self.data_of(synapse(*run, env=env))
        self.assert_ends(synapse("pack", "-m", model, "--remove", env=env), 1, "is not there")

        packed = Path(self.data_of(synapse("pack", "-m", model, env=env)).strip())
        self.assertEqual(packed.parent, self.folder / "synapse/pack")
        written = packed.stat()
        self.assertIn("there already", synapse("pack", "-m", model, env=env).stderr.decode())
        self.assertEqual(packed.stat().st_mtime_ns, written.st_mtime_ns)
        done = synapse(*run, env=env)
        self.assertEqual((done.stdout.decode(), done.stderr), (text, b""))
        whole = json.loads(self.data_of(synapse("pack", "-m", model, "--full-head", "--json", env=env)))
        self.assertNotEqual(whole["path"], str(packed))

        # It is this file that is read: other weights in it write another text.
        data = bytearray(packed.read_bytes())
        data[4096 + len(data) // 4:4096 + len(data) // 2] = data[4096 + len(data) // 2:][:len(data) // 2 - len(data) // 4]
        packed.write_bytes(data)
        self.assertNotEqual(synapse(*run, env=env).stdout.decode(), text)
        # One that is cut off, or another model's, is not.
        for damage in (data[:-1], b"x" + data[1:], b""):
            packed.write_bytes(damage)
            done = synapse(*run, env=env)
            self.assertEqual(done.stdout.decode(), text)
            self.assertIn("ignored", done.stderr.decode())
        self.assertEqual(Path(self.data_of(synapse("pack", "-m", model, env=env)).strip()), packed)
        os.utime(model, (1, 1))  # a model of another date is another model
        self.assertNotEqual(Path(self.data_of(synapse("pack", "-m", model, env=env)).strip()), packed)
        self.data_of(synapse("pack", "-m", model, "--remove", env=env))
        self.assert_ends(synapse("pack", "-m", model, env={"XDG_CACHE_HOME": "", "HOME": ""}), 1, "XDG_CACHE_HOME")

    def test_the_whole_head_gives_the_same_text(self):
        for sampler in (["--temp", "0"], ["--temp", "0.9", "--top-k", "0", "--top-p", "1", "--min-p", "0"], ["--top-k", "3", "--dry-multiplier", "0.8"], []):
            run = ["run", "-m", MODEL, "-p", "Once upon a time", "-n", "80", "--seed", "5", "--ignore-eos", *sampler]
            self.assertEqual(self.data_of(synapse(*run)), self.data_of(synapse(*run, "--full-head")), sampler)

    def test_batch_size_does_not_change_the_text(self):
        self.assertEqual(self.data_of(greedy("-n", "24", "-b", "2")), greedy("-n", "24").stdout.decode())

    def test_json(self):
        result = self.json_of(greedy("-n", "64", "--json", "--logprobs"))
        self.assertEqual(result["text"], GREEDY_TEXT)
        self.assertEqual(result["ids"], GREEDY_IDS)
        self.assertEqual(result["finish"], "length")
        self.assertEqual(result["prompt_tokens"], 5)
        self.assertEqual(result["generated_tokens"], 64)
        self.assertEqual(len(result["logprobs"]), 64)
        self.assertTrue(all(-20 < p <= 0 for p in result["logprobs"]))
        self.assertGreater(result["tok_s"], 0)

    def test_stops_at_the_end_token(self):
        result = self.json_of(greedy("--json"))
        self.assertEqual(result["finish"], "stop")
        self.assertTrue(result["text"].startswith(GREEDY_TEXT))
        self.assertLess(result["prompt_tokens"] + result["generated_tokens"], 256)

    def test_stop_strings_are_not_shown(self):
        for flag in ("--stop", "-r", "--reverse-prompt"):
            self.assertEqual(self.data_of(greedy("-n", "64", flag, "Lily.")), ", there was a little girl named \n")
        self.assertEqual(self.json_of(greedy("-n", "64", "--stop", "named Lily", "--json"))["finish"], "stop")

    def test_reaching_the_context_ends_with_length(self):
        result = self.json_of(greedy("-c", "16", "--json"))
        self.assertEqual((result["finish"], result["generated_tokens"]), ("length", 11))

    def test_prompt_longer_than_the_context(self):
        self.assert_ends(greedy("-c", "4"), 1, "5")
        self.assert_ends(synapse("run", "-m", MODEL, "-p", "the " * 300), 1, "256")

    def test_seed_repeats(self):
        flags = ["run", "-m", MODEL, "-p", PROMPT, "-n", "16", "--temp", "1.2", "-s"]
        first, second, other = (self.data_of(synapse(*flags, seed)) for seed in ("7", "7", "8"))
        self.assertEqual(first, second)
        self.assertNotEqual(first, other)

    def test_logit_bias_forbids(self):
        result = self.json_of(greedy("-n", "1", "--json", "--logit-bias", "11-inf"))
        self.assertNotEqual(result["ids"], [11])
        forced = self.json_of(greedy("-n", "1", "--json", "--logit-bias", "300+1000"))
        self.assertEqual(forced["ids"], [300])

    def test_empty_prompt_begins_with_bos(self):
        result = self.json_of(synapse("run", "-m", MODEL, "-p", "", "-n", "2", "--temp", "0", "--json"))
        self.assertEqual((result["prompt_tokens"], result["generated_tokens"]), (1, 2))

    def test_verbose_goes_to_stderr(self):
        process = greedy("-n", "8", "-v")
        self.assertEqual(self.data_of(process), ", there was a little girl named Lily\n")
        self.assertIn(b"tok/s", process.stderr)

    def test_environment_twins_and_flags_that_win(self):
        env = {"SYNAPSE_MODEL": MODEL, "SYNAPSE_TEMP": "0", "SYNAPSE_PREDICT": "8", "SYNAPSE_THREADS": "1"}
        self.assertEqual(self.data_of(synapse("run", "-p", PROMPT, env=env)), ", there was a little girl named Lily\n")
        self.assertEqual(self.data_of(synapse("run", "-p", PROMPT, "-n", "1", env=env)), ",\n")
        self.assert_ends(greedy(env={"SYNAPSE_CTX_SIZE": "4"}), 1, "5")

    def test_memory_budget(self):
        refused = greedy("-n", "4", "-c", "256", "--memory-budget", "1MiB")
        self.assert_ends(refused, 1, "1.0 MiB")
        for part in (b"weights", b"cache", b"scratch", b"total"):
            self.assertIn(part, refused.stderr)
        self.assert_ends(greedy("-n", "4", "--memory-budget", "1MiB"), 1, "1.0 MiB")
        fits = greedy("-n", "8", "-c", "256", "--memory-budget", "1GiB")
        self.assertEqual(self.data_of(fits), ", there was a little girl named Lily\n")

    @unittest.skipIf(SANITIZED, "the process itself takes another amount of memory each time")
    def test_budget_without_context_chooses_the_longest_that_fits(self):
        def total(context):
            return self.json_of(synapse("show", "-m", MODEL, "-c", str(context), "--json"))["plan"]["total"]
        budget = str((total(128) + total(192)) // 2)
        process = greedy("-n", "8", "--memory-budget", budget)
        self.assertEqual(self.data_of(process), ", there was a little girl named Lily\n")
        self.assertRegex(process.stderr.decode(), r"context: 1\d\d of the model's 256")

    def test_cache_types(self):
        for word in ("f32", "f16", "q8_0"):
            self.assertEqual(self.data_of(greedy("-n", "24", "-ctk", word, "-ctv", word)), greedy("-n", "24").stdout.decode())

    def test_broken_pipe_is_silent(self):
        process = subprocess.Popen([BINARY, "run", "-m", MODEL, "-p", PROMPT, "--temp", "0"], stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE)
        process.stdout.close()
        errors = process.stderr.read()
        process.stderr.close()
        self.assertEqual(process.wait(30), -signal.SIGPIPE)
        self.assertEqual(errors, b"")

    def test_interrupt_keeps_the_text_and_ends_with_130(self):
        # A pipe with little room left, and nobody who reads: the interrupt comes while the program waits for it.
        reader, writer = os.pipe()
        fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
        filler = b"." * 4000
        os.write(writer, filler)
        process = subprocess.Popen([BINARY, "run", "-m", MODEL, "-p", PROMPT, "--temp", "0"], stdout=writer,
                                   stderr=subprocess.PIPE)
        os.close(writer)
        for _ in range(300):
            if struct.unpack("i", fcntl.ioctl(reader, termios.FIONREAD, bytes(4)))[0] >= 4090:
                break
            time.sleep(0.05)
        time.sleep(0.2)
        self.assertIsNone(process.poll(), "it ended before the pipe was full")
        process.send_signal(signal.SIGINT)
        with os.fdopen(reader, "rb") as pipe:
            text = pipe.read()[len(filler):].decode().rstrip("\n")
        errors = process.stderr.read()
        process.stderr.close()
        self.assertEqual(process.wait(30), 130, errors)
        self.assertIn(b"finish: cancelled", errors)
        self.assertRegex(errors, rb"generated: \d+ tokens")
        self.assertGreater(len(text), 80)
        self.assertTrue(GREEDY_TEXT.startswith(text), text)

    def test_interrupt_before_the_prompt_is_read(self):
        process = subprocess.Popen([BINARY, "run", "-m", MODEL], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE)
        self.assertEqual(select.select([process.stdout], [], [], 0.5)[0], [])  # it waits for stdin
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)
        self.assertEqual(process.returncode, 130)


class Tokens(Case):
    def test_ids(self):
        self.assertEqual(self.data_of(synapse("tokenize", "-m", MODEL, "-p", PROMPT, "--ids")), "4092 614 564 258 471\n")
        self.assertEqual(self.data_of(synapse("tokenize", "-m", MODEL, "-p", PROMPT, "--ids", "--no-bos")),
                         "614 564 258 471\n")

    def test_special_text_is_parsed_unless_told_otherwise(self):
        text = ["tokenize", "-m", MODEL, "-p", "a<|im_end|>", "--ids"]
        self.assertIn("4094", self.data_of(synapse(*text)).split())
        self.assertEqual(self.data_of(synapse(*text, "--no-bos")).split()[-1], "4094")
        self.assertNotIn("4094", self.data_of(synapse(*text, "--no-special")).split())

    def test_texts_apart_by_nul(self):
        path = self.file("texts", b"Once upon\0\0 a time\n")
        lines = self.data_of(synapse("tokenize", "-m", MODEL, "-f", path, "--ids", "--no-bos", "--null")).split("\n")
        self.assertEqual(lines[:2], ["614 564", ""])
        self.assertEqual(lines[2].split()[:2], ["258", "471"])
        self.assertEqual(len(lines), 4)  # the last line break included

    def test_table_and_json(self):
        self.assertEqual(self.data_of(synapse("tokenize", "-m", MODEL, "-p", "Once", "--no-bos")).split(), ["614", "Once"])
        result = self.json_of(synapse("tokenize", "-m", MODEL, "-p", PROMPT, "--json"))
        self.assertEqual(result["ids"], PROMPT_IDS)
        self.assertEqual(result["pieces"][1:3], ["Once", " upon"])

    def test_round_trip_of_any_text(self):
        for text in ("Hello, world!", "  two  spaces\n\nand lines\t", "naïve 🙂 “Voilà!”", "<|endoftext|>x", ""):
            path = self.file("text", text.encode())
            ids = self.data_of(synapse("tokenize", "-m", MODEL, "-f", path, "--ids", "--no-bos"))
            self.assertEqual(self.data_of(synapse("detokenize", "-m", MODEL, "--ids", "-", stdin=ids)), text + "\n")

    def test_detokenize(self):
        ids = ",".join(map(str, GREEDY_IDS))
        self.assertEqual(self.data_of(synapse("detokenize", "-m", MODEL, "--ids", ids)), GREEDY_TEXT + "\n")
        self.assert_ends(synapse("detokenize", "-m", MODEL, "--ids", "4096"), 1, "4096")
        self.assert_ends(synapse("detokenize", "-m", MODEL, "--ids", "1 two"), 1, "two")


class Logits(Case):
    IDS = " ".join(map(str, PROMPT_IDS))

    def logits(self, *args, ids=None, **kwargs):
        out = str(self.folder / "out.npy")
        self.data_of(synapse("logits", "-m", MODEL, "--ids", ids or self.IDS, "-o", out, *args, **kwargs))
        return npy(out)

    def test_last_and_all(self):
        shape, last = self.logits()
        self.assertEqual(shape, (4096,))
        self.assertEqual(max(range(4096), key=last.__getitem__), 11)
        self.assertAlmostEqual(last[11], TOP_LOGIT, delta=0.2)
        shape, every = self.logits("--all")
        self.assertEqual(shape, (5, 4096))
        self.assertEqual(every[-4096:], last)

    def test_ids_from_stdin_with_commas(self):
        self.assertEqual(self.logits(ids="-", stdin="4092,614, 564\n258 471"), self.logits())

    def test_same_bits_on_every_instruction_set_and_thread_count(self):
        want = self.logits("--isa", "scalar", "-t", "1")
        for isa in self.json_of(synapse("doctor", "--json"))["kernel_variants"]:
            self.assertEqual(self.logits("--isa", isa, "-t", "2"), want, isa)

    def test_expanded_weights_are_close(self):
        plain, expanded = self.logits()[1], self.logits("--expand")[1]
        self.assertNotEqual(plain, expanded)
        self.assertLess(max(abs(a - b) for a, b in zip(plain, expanded)), 0.5)

    def test_nll(self):
        ids = " ".join(map(str, PROMPT_IDS + GREEDY_IDS))
        result = self.json_of(synapse("logits", "-m", MODEL, "--ids", ids, "--nll"))
        self.assertEqual(result["tokens"], 68)
        self.assertTrue(0 < result["nll"] < 2, result)

    def test_refusals(self):
        out = str(self.folder / "no.npy")
        flags = ["logits", "-m", MODEL, "-o", out, "--ids"]
        self.assert_ends(synapse(*flags, "1 4096"), 1, "4096")
        self.assert_ends(synapse(*flags, "-1"), 1, "-1")
        self.assert_ends(synapse(*flags, "1 x"), 1, "x")
        self.assert_ends(synapse(*flags, ""), 1, "ids")
        too_long = synapse(*flags, " ".join(["1"] * 257))
        self.assert_ends(too_long, 1, "257")
        self.assertIn(b"256", too_long.stderr)
        self.assert_ends(synapse("logits", "-m", MODEL, "--ids", "1"), 2, "-o")
        self.assertEqual(list(self.folder.iterdir()), [])

    def test_output_that_cannot_be_written(self):
        self.assert_ends(synapse("logits", "-m", MODEL, "--ids", "1", "-o", str(self.folder / "no/such.npy")), 1, "such.npy")


class Show(Case):
    def test_json(self):
        shown = self.json_of(synapse("show", "-m", MODEL, "--json"))
        self.assertEqual(shown["architecture"], "qwen3")
        self.assertEqual(shown["parameters"], 4197120)
        self.assertEqual(shown["file_bytes"], os.path.getsize(MODEL))
        self.assertIn({"id": 4092, "text": "<|endoftext|>"}, shown["stop"])
        self.assertEqual(shown["model"]["context"], 256)
        plan = shown["plan"]
        self.assertEqual(plan["total"], sum(plan[k] for k in ("process", "tokenizer", "weights", "cache", "scratch")))
        embedding = next(t for t in shown["tensors"] if t["name"] == "token_embd.weight")
        self.assertEqual(embedding, {"name": "token_embd.weight", "shape": [4096, 256], "type": "Q8_0", "bytes": 1114112})
        self.assertEqual(shown["metadata"]["qwen3.block_count"], 4)
        self.assertEqual(shown["metadata"]["tokenizer.ggml.tokens"]["count"], 4096)

    def test_for_people(self):
        text = self.data_of(synapse("show", "-m", MODEL, "--tensors", "--metadata"))
        for part in ("qwen3", "4.2 M", "<|endoftext|>", "blk.0.attn_q.weight", "qwen3.block_count", "cache"):
            self.assertIn(part, text)

    def test_cache_grows_with_context(self):
        small, large = (self.json_of(synapse("show", "-m", MODEL, "-c", c, "--json"))["plan"]["cache"] for c in ("64", "256"))
        self.assertEqual(large, 4 * small)

    def test_an_architecture_we_do_not_run(self):
        path = self.file("other.gguf", gguf_with(general__architecture="nosuch"))
        shown = self.json_of(synapse("show", "-m", path, "--json"))
        self.assertEqual(shown["architecture"], "nosuch")
        self.assertIn("not_run", shown)
        self.assert_ends(synapse("logits", "-m", path, "--ids", "1", "-o", str(self.folder / "o.npy")), 1)


class Files(Case):
    def test_unknown_name_lists_those_there_are(self):
        self.assert_ends(synapse("run", "-m", "no-such-model", "-p", "x"), 1, "synapse-story-4m")

    def test_models_folder_from_the_environment(self):
        (self.folder / "mine-Q8_0.gguf").symlink_to(MODEL)
        process = synapse("run", "-m", "mine", "-p", PROMPT, "-n", "1", "--temp", "0", env={"SYNAPSE_MODELS": str(self.folder)})
        self.assertEqual(self.data_of(process), ",\n")

    def test_folder_with_one_file(self):
        (self.folder / "only.gguf").symlink_to(MODEL)
        self.assertEqual(self.data_of(synapse("run", "-m", str(self.folder), "-p", PROMPT, "-n", "1", "--temp", "0")), ",\n")
        (self.folder / "second.gguf").symlink_to(MODEL)
        self.assert_ends(synapse("show", "-m", str(self.folder)), 1, "second.gguf")

    def test_empty_folder(self):
        self.assert_ends(synapse("show", "-m", str(self.folder)), 1, "no config.json")

    def test_truncated_file(self):
        data = Path(MODEL).read_bytes()
        for size in (0, 3, 20, 1000, len(data) // 2, len(data) - 1):
            with self.subTest(size=size):
                self.assert_ends(synapse("run", "-m", self.file("cut.gguf", data[:size]), "-p", "x"), 1)

    def test_not_a_model(self):
        self.assert_ends(synapse("show", "-m", self.file("text.gguf", b"hello, this is text")), 1, "text.gguf")

    def test_synth(self):
        out = str(self.folder / "made.gguf")
        self.data_of(synapse("synth", "tiny-qwen3", "--type", "Q8_0", "-o", out, "--seed", "3"))
        self.assertEqual(self.json_of(synapse("show", "-m", out, "--json"))["architecture"], "qwen3")
        self.data_of(synapse("run", "-m", out, "-p", "hello", "-n", "4"))
        before = Path(out).read_bytes()
        self.assert_ends(synapse("synth", "tiny-qwen3", "-o", out), 1, "--force")
        self.data_of(synapse("synth", "tiny-qwen3", "--type", "Q8_0", "-o", out, "--seed", "3", "--force"))
        self.assertEqual(Path(out).read_bytes(), before)
        self.assert_ends(synapse("synth", "nosuch", "-o", str(self.folder / "x")), 2, "tiny-qwen3")
        self.assertEqual([p.name for p in self.folder.iterdir()], ["made.gguf"])


class Render(Case):
    CONTEXT = b'{"messages": [{"role": "user", "content": "H\xc3\xa9"}], "bos_token": "<s>"}'

    def render(self, template, *args, context=CONTEXT):
        return synapse("render", "--template", self.file("t.jinja", template), "--context", self.file("c.json", context), *args)

    def test_the_prompt_and_nothing_else(self):
        template = b"{{ bos_token }}{% for m in messages %}[{{ m.role }}] {{ m['content'] }}{% endfor %}!\n\n"
        self.assertEqual(self.data_of(self.render(template)), "<s>[user] H\u00e9!\n")

    def test_the_clock(self):
        template = b"{{ strftime_now('%d %b %Y %H:%M:%S') }}"
        self.assertEqual(self.data_of(self.render(template, "--now", "2024-07-26T12:34:56")), "26 Jul 2024 12:34:56")
        self.assertRegex(self.data_of(self.render(template)), r"^\d\d \w{3} 20\d\d \d\d:\d\d:\d\d$")
        self.assert_ends(self.render(template, "--now", "yesterday"), 1, "yesterday")

    def test_errors(self):
        process = self.render(b"a\n{{ raise_exception('System role not supported') }}")
        self.assert_ends(process, 1, "line 2: System role not supported")
        self.assertEqual(process.stdout, b"")
        self.assert_ends(self.render(b"{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}"), 1, "steps")
        self.assert_ends(self.render(b"x", context=b"[]"), 1, "object")
        self.assert_ends(self.render(b"x", context=b"{"), 1, "json")

    def test_the_template_of_a_model(self):
        context = self.file("c.json", self.CONTEXT)
        model = self.file("m.gguf", gguf_with(general__architecture="llama", tokenizer__chat_template="{{ messages[0].content }}!"))
        self.assertEqual(self.data_of(synapse("render", "-m", model, "--context", context)), "H\u00e9!")
        self.assert_ends(synapse("render", "-m", MODEL, "--context", context), 1, "tokenizer.chat_template")


class Usage(Case):
    def test_wrong_usage_ends_with_2_and_a_hint(self):
        for args in ([], ["nosuch"], ["run"], ["run", "-m", MODEL, "--nosuch"], ["run", "-m", MODEL, "-n", "x"],
                     ["run", "-m", MODEL, "-p", "x", "-f", "y"], ["run", "-m", MODEL, "-p", "x", "-t", "0"],
                     ["run", "-m", MODEL, "-p", "x", "-ctk", "q3"], ["run", "-m", MODEL, "-p", "x", "--memory-budget", "lots"],
                     ["run", "-m", MODEL, "-p", "x", "--logit-bias", "x"], ["run", "-m", MODEL, "-p", "x", "-s", "seed"],
                     ["run", "-m", MODEL, "-p", "x", "--logprobs"], ["logits", "-m", MODEL],
                     ["detokenize", "-m", MODEL], ["synth"], ["render", "-m", MODEL], ["render", "--context", "x"],
                     ["render", "-m", MODEL, "--template", "x", "--context", "x"]):
            with self.subTest(args=args):
                process = synapse(*args)
                self.assert_ends(process, 2, "--help")
                self.assertEqual(process.stdout, b"")

    def test_values_out_of_range_are_refused(self):
        for args in (["--temp", "-1"], ["--top-p", "0"], ["--min-p", "2"], ["--repeat-penalty", "0"]):
            with self.subTest(args=args):
                self.assertIn(greedy(*args).returncode, (1, 2))

    def test_unknown_instruction_set_in_every_verb(self):
        for args in (["run", "-m", MODEL, "-p", "x"], ["show", "-m", MODEL], ["tokenize", "-m", MODEL, "-p", "x"],
                     ["detokenize", "-m", MODEL, "--ids", "1"], ["logits", "-m", MODEL, "--ids", "1", "-o", "x"],
                     ["render", "-m", MODEL, "--context", "x"], ["synth", "tiny-qwen3", "-o", str(self.folder / "x")], ["doctor"]):
            with self.subTest(verb=args[0]):
                self.assert_ends(synapse(*args, env={"SYNAPSE_ISA": "nosuch"}), 2, "scalar")

    def test_help_has_examples(self):
        for verb in ([], ["run"], ["show"], ["tokenize"], ["detokenize"], ["logits"], ["render"], ["synth"], ["doctor"]):
            with self.subTest(verb=verb):
                text = self.data_of(synapse(*verb, "--help"))
                self.assertIn("EXAMPLES", text)
                self.assertIn("synapse", text)

    def test_version(self):
        self.assertRegex(self.data_of(synapse("--version")), r"^synapse \d+\.\d+\.\d+\ncommit    \S+\n")
        about = self.json_of(synapse("--version", "--json"))
        self.assertEqual(list(about), ["version", "commit", "compiler", "target", "kernels"])
        self.assertRegex(about["version"], r"^\d+\.\d+\.\d+$")
        self.assertIn("scalar", about["kernels"])

    def test_doctor(self):
        found = self.json_of(synapse("doctor", "--json"))
        self.assertEqual(found["kernels"], found["kernel_variants"][-1])
        self.assertGreater(found["read_bytes_per_second"], 1e8)
        self.assertIn("synapse-story-4m-Q8_0", found["models"])
        self.assertEqual(found["missing"], [])
        self.assertEqual(self.json_of(synapse("doctor", "--json", "-t", "1", "--isa", "scalar"))["kernels"], "scalar")
        self.assertIn("kernels", self.data_of(synapse("doctor")))


if __name__ == "__main__":
    unittest.main()
