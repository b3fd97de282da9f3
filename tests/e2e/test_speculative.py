#!/usr/bin/env python3
"""Speculation and prompt caches from outside: the text stays, the work shrinks."""
import json
import unittest
from pathlib import Path

from cli import MODEL, PROMPT, Case, synapse

LONG = ("Once upon a time there was a little girl who liked to play. " * 12).strip()


class Speculation(Case):
    def run_json(self, *args, n=60):
        return self.json_of(synapse("run", "-m", MODEL, "-p", PROMPT, "-n", str(n), "--json", *args))

    def test_every_drafter_writes_the_same_text(self):
        for sampling in (["--temp", "0"], ["--temp", "0.8", "-s", "5", "--repeat-penalty", "1.2", "--dry-multiplier", "0.8"],
                         ["--mirostat", "2", "-s", "3"]):
            plain = self.run_json("--logprobs", *sampling)
            for how, name in ((["--lookup"], "ngram"), (["--spec", "early", "--early-layers", "3", "--draft-max", "4"], "early"),
                              (["-md", MODEL, "--draft", "5"], "draft")):
                with self.subTest(sampling=sampling, how=how):
                    got = self.run_json("--logprobs", *sampling, *how)
                    for key in ("text", "ids", "logprobs", "finish"):
                        self.assertEqual(got[key], plain[key], key)
                    counts = got["speculative"]
                    self.assertEqual(counts["method"], name)
                    self.assertLessEqual(counts["accepted"], counts["drafted"])
                    self.assertLessEqual(counts["passes"], counts["tokens"])
                    if name == "draft" and "--mirostat" not in sampling:  # the model itself: right every time
                        self.assertEqual(counts["accepted"], counts["drafted"])
                        self.assertGreater(counts["tokens_per_pass"], 4)
            self.assertNotIn("speculative", plain)

    def test_ends_and_stop_strings_are_where_they_were(self):
        for n, args in ((60, ["--stop", "the"]), (1, []), (7, []), (-1, ["-c", "30"])):
            plain = self.run_json("--temp", "0", *args, n=n)
            got = self.run_json("--temp", "0", "-md", MODEL, *args, n=n)
            self.assertEqual([got[k] for k in ("text", "ids", "finish")], [plain[k] for k in ("text", "ids", "finish")], args)

    def test_another_vocabulary_is_refused(self):
        other = str(self.folder / "tiny.gguf")
        self.data_of(synapse("synth", "tiny-llama", "-o", other))
        process = synapse("run", "-m", MODEL, "-md", other, "-p", PROMPT, "-n", "4")
        self.assert_ends(process, 1, "vocabulary: synapse-story-4m-Q8_0.gguf has ")
        self.assertIn(b"tiny.gguf has ", process.stderr)
        self.assert_ends(synapse("run", "-m", MODEL, "-p", PROMPT, "--spec", "early", "--early-layers", "99"), 1, "early-layers: 99")
        self.assert_ends(synapse("run", "-m", MODEL, "-p", PROMPT, "--spec", "draft"), 2, "--model-draft")

    def test_the_budget_counts_the_draft_model(self):
        args = ["run", "-m", MODEL, "-p", PROMPT, "-n", "4", "-c", "256", "--json"]
        plain, both = self.json_of(synapse(*args)), self.json_of(synapse(*args, "-md", MODEL))
        self.assertGreater(both["plan_bytes"], plain["plan_bytes"] + Path(MODEL).stat().st_size // 2)
        self.assert_ends(synapse(*args, "-md", MODEL, "--memory-budget", str(plain["plan_bytes"])), 1, "the budget is")

    def test_chat_speculates_too(self):
        template = self.file("chat.jinja", b"{% for m in messages %}{{ m.content }}\n{% endfor %}")
        args = ["chat", "-m", MODEL, "--chat-template", template, "--temp", "0.8", "-s", "4", "-n", "30"]
        said = "Once upon a time\nThe dog\n/regenerate\n"
        plain = self.data_of(synapse(*args, stdin=said))
        self.assertEqual(self.data_of(synapse(*args, "--lookup", stdin=said)), plain)
        self.assertEqual(self.data_of(synapse(*args, "-md", MODEL, stdin=said)), plain)


class PromptCache(Case):
    def ask(self, prompt, *args):
        return self.json_of(synapse("run", "-m", MODEL, "-p", prompt, "-n", "10", "--temp", "0", "--json", *args))

    def test_a_prompt_is_read_once(self):
        path = str(self.folder / "state")
        alone = self.ask(LONG + " One day")
        self.assertEqual(alone["cached_tokens"], 0)
        first = self.ask(LONG, "--prompt-cache", path)
        self.assertEqual(first["cached_tokens"], 0)
        saved = Path(path).read_bytes()
        longer = self.ask(LONG + " One day", "--prompt-cache", path, "--prompt-cache-ro")
        self.assertGreater(longer["cached_tokens"], first["prompt_tokens"] - 3)
        self.assertEqual(longer["ids"], alone["ids"])
        self.assertEqual(Path(path).read_bytes(), saved)
        again = self.ask(LONG, "--prompt-cache", path)
        self.assertEqual(again["cached_tokens"], first["prompt_tokens"] - 1)
        self.assertEqual(again["ids"], first["ids"])
        other = self.ask("The dog ran", "--prompt-cache", path)
        self.assertEqual(other["ids"], self.ask("The dog ran")["ids"])
        self.assertNotEqual(Path(path).read_bytes(), saved)

    def test_what_is_no_cache_is_refused(self):
        args = ["run", "-m", MODEL, "-p", "One", "-n", "2", "--prompt-cache"]
        self.assert_ends(synapse(*args, self.file("state", b"nonsense")), 1, "too short to be one")
        self.assert_ends(synapse(*args, str(self.folder / "none"), "--prompt-cache-ro"), 1, "none")
        path = str(self.folder / "made")
        self.data_of(synapse(*args, path))
        damaged = bytearray(Path(path).read_bytes())
        damaged[60] ^= 1
        self.assert_ends(synapse(*args, self.file("damaged", damaged)), 1, "checksum")
        other = str(self.folder / "tiny.gguf")
        self.data_of(synapse("synth", "tiny-llama", "-o", other))
        self.assert_ends(synapse("run", "-m", other, "-p", "One", "--prompt-cache", path), 1, "another model")

    def test_a_conversation_begun_anew_is_not_read_anew(self):
        template = self.file("chat.jinja", b"{% for m in messages %}{{ m.content }}\n{% endfor %}")
        said = f"{LONG}\n/reset\nThe dog\n/reset\n{LONG}\n"
        args = ["chat", "-m", MODEL, "--chat-template", template, "--temp", "0", "-n", "6", "--json"]
        reads = [[line for line in self.data_of(synapse(*args, *more, stdin=said)).splitlines()] for more in ([], ["--cache-ram", "0"])]
        cached, plain = ([json.loads(line) for line in lines] for lines in reads)
        self.assertEqual([t["content"] for t in cached], [t["content"] for t in plain])
        self.assertGreater(plain[2]["read_tokens"], 150)
        self.assertLess(cached[2]["read_tokens"], plain[2]["read_tokens"] // 2)


if __name__ == "__main__":
    unittest.main()
