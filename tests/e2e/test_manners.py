#!/usr/bin/env python3
"""Manners: spellings that people bring along, pipes, interrupts, what a terminal shows and a file does not, completion."""
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

from cli import BINARY, MODEL, PROMPT, Case, environment, greedy, synapse

LINE = ", there was a little girl named Lily\n"  # 8 greedy tokens


def on_terminal(command, keys=b"", env=None, seconds=20, until=None, held_after=None):
    """What `command` shows on a terminal of its own, and how it ended. `keys` are typed at once, `until` ends the wait;
    after `held_after` seconds it is stopped for a while."""
    process, terminal = pty.fork()
    if process == 0:
        os.environ.clear()
        os.environ.update(environment(env))
        os.execvp(command[0], command)
    os.write(terminal, keys)
    if held_after:
        time.sleep(held_after)
        os.kill(process, signal.SIGSTOP)
        time.sleep(0.7)
        os.kill(process, signal.SIGCONT)
    shown, end = b"", time.monotonic() + seconds
    while time.monotonic() < end and not (until and until in shown.replace(b"\a", b"")):
        if not select.select([terminal], [], [], 0.1)[0]:
            continue
        try:
            part = os.read(terminal, 65536)
        except OSError:  # the last one has left
            break
        if not part:
            break
        shown += part
    if until:
        os.kill(process, signal.SIGKILL)
    status = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    os.close(terminal)
    return shown, status


class Spellings(Case):
    def test_a_command_line_of_llama_cpp(self):
        process = synapse("run", "-m", MODEL, "-p", PROMPT, "-n", "8", "--temp", "0", "-ub", "64", "-b", "2048", "-ngl", "99",
                          "-fa", "-tb", "4", "--no-mmap", "--mlock", "-no-cnv", "--no-display-prompt", "--simple-io",
                          "-ctk", "f16", "-ctv", "f16", "--verbose-prompt", "--no-warmup", "-c", "128", "--seed", "1")
        self.assertEqual(self.data_of(process), LINE)
        remarks = process.stderr.decode().splitlines()
        self.assertEqual([line.split(":")[1].strip() for line in remarks],
                         ["-ngl", "-fa", "-tb", "--no-mmap", "--mlock", "--verbose-prompt"])

    def test_values_go_with_their_spelling(self):
        for flags in (["-fa", "on"], ["--flash-attn=auto"], ["--gpu-layers=3"], ["--ubatch-size=16"], ["-hf", MODEL]):
            with self.subTest(flags=flags):
                model = [] if "-hf" in flags else ["-m", MODEL]
                self.assertEqual(self.data_of(synapse("run", *model, "-p", PROMPT, "-n", "8", "--temp", "0", *flags)), LINE)

    def test_what_has_another_way_names_it(self):
        for flag, wanted in (("-cnv", "`chat`"), ("-i", "`chat`"), ("--context-shift", "-c"), ("-hff", "-m")):
            self.assert_ends(synapse("run", "-m", MODEL, "-p", "x", flag), 2, wanted)

    def test_a_text_may_look_like_a_flag(self):
        self.assertEqual(self.json_of(synapse("tokenize", MODEL, "-p", "-ngl", "--json", "--no-bos"))["ids"],
                         self.json_of(synapse("tokenize", MODEL, "--json", "--no-bos", "-f", self.file("t", b"-ngl")))["ids"])

    def test_model_and_prompt_without_flags(self):
        self.assertEqual(self.data_of(synapse("run", "synapse-story-4m", PROMPT, "-n", "8", "--temp", "0")), LINE)
        self.assertEqual(self.data_of(synapse("run", MODEL, "-n", "8", "--temp", "0", stdin=PROMPT)), LINE)
        self.assertIn("context", self.data_of(synapse("show", "synapse-story-4m")))
        self.assertEqual(self.data_of(synapse("tokenize", MODEL, PROMPT, "--ids")), "4092 614 564 258 471\n")
        self.assert_ends(synapse("run", MODEL, PROMPT, "more"), 2, "more")

    def test_escapes_are_read_when_asked_for(self):
        def ids(*args):
            return self.json_of(synapse("run", MODEL, "-n", "0", "--json", *args))["prompt_tokens"]
        self.assertEqual(ids("-p", r"a\nb\x41", "-e"), ids("-p", "a\nbA"))
        self.assertEqual(ids("-p", r"a\nb\x41", "--escape"), ids("-p", "a\nbA"))
        self.assertNotEqual(ids("-p", r"a\nb\x41"), ids("-p", "a\nbA"))


class Pipes(Case):
    def test_a_reader_that_has_enough(self):
        script = f'set -o pipefail; "{BINARY}" run "{MODEL}" "{PROMPT}" --temp 0 | head -c 5; echo " ${{PIPESTATUS[0]}}"'
        process = subprocess.run(["bash", "-c", script], capture_output=True, env=environment(), timeout=30)
        self.assertEqual(process.stderr, b"")
        self.assertIn(process.stdout, (b", the 141\n", b", the 0\n"))  # it may be done before the reader leaves

    def test_nothing_on_stderr_of_a_script(self):
        self.assertEqual(greedy("-n", "8").stderr, b"")


class Terminal(Case):
    def test_only_text_is_shown(self):
        shown, status = on_terminal([BINARY, "run", MODEL, PROMPT, "-n", "8", "--temp", "0"], env={"NO_COLOR": "1"})
        self.assertEqual((shown.decode().replace("\r\n", "\n"), status), (LINE, 0))

    def test_progress_comes_and_goes(self):
        # The program is held for longer than half a second while it reads: what it shows then is gone when the text begins.
        def reading(n_words):
            return [BINARY, "run", MODEL, "-p", "the cat " * n_words, "-n", "1", "-b", "8", "-t", "1", "--isa", "scalar"]
        began = time.monotonic()
        process = subprocess.run(reading(12), capture_output=True, env=environment(), timeout=120)
        self.assertEqual((process.returncode, process.stderr), (0, b""))
        command = reading(12 if time.monotonic() - began > 1 else 110)
        for attempt in range(40):
            shown, status = on_terminal(command, held_after=0.02 * (1 + attempt % 10), seconds=100)
            self.assertEqual(status, 0, shown)
            if b"reading the prompt" in shown:
                break
        self.assertRegex(shown, rb"\rreading the prompt: +\d+ %")
        self.assertNotIn(b"\x1b", shown)
        lines = shown.split(b"\r")
        self.assertTrue(any(line and not line.strip() for line in lines), lines)  # blanks over it

    def test_interrupt_prints_what_was_done(self):
        command = [BINARY, "run", MODEL, PROMPT, "--temp", "0", "-n", "250", "--ignore-eos"]
        for _ in range(20):  # until one comes in time
            process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment())
            first = os.read(process.stdout.fileno(), 1)
            process.send_signal(signal.SIGINT)
            text, errors = process.communicate(timeout=30)
            if process.returncode == 130:
                break
        self.assertEqual(process.returncode, 130)
        self.assertTrue((first + text).endswith(b"\n"))
        self.assertIn(b"finish: cancelled", errors)
        self.assertRegex(errors, rb"load: [\d.]+ ms; prompt: 5 tokens in .*; generated: \d+ tokens in .*; memory: at most")


class Completion(Case):
    def script(self, shell):
        return self.file("completion." + shell, self.data_of(synapse("--completion", shell)).encode())

    def setUp(self):
        super().setUp()
        (self.folder / "synapse").symlink_to(BINARY)
        self.path = {"PATH": f"{self.folder}:{os.environ['PATH']}", "SYNAPSE_MODELS": str(Path(MODEL).parent)}

    def bash(self, *words):
        script = (f'source {self.script("bash")}; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _synapse; '
                  'printf "%s\\n" "${COMPREPLY[@]}"')
        process = subprocess.run(["bash", "-c", script, "bash", "synapse", *words], capture_output=True,
                                 env=environment(self.path), cwd=self.folder, timeout=30)
        self.assertEqual(process.stderr, b"")
        return process.stdout.decode().split()

    def test_bash(self):
        self.assertEqual(self.bash("to"), ["tokenize"])
        self.assertEqual(self.bash("run", "--mirostat-t"), ["--mirostat-tau"])
        self.assertEqual(self.bash("show", "--mirostat-t"), [])
        self.assertIn("synapse-story-4m-Q8_0", self.bash("run", "syn"))
        self.assertIn("synapse-story-4m-Q8_0", self.bash("show", "-c", "64", "-m", "syn"))
        self.assertEqual(self.bash("run", "-m", "x", "-f", "completion"), ["completion.bash"])
        self.assertEqual(self.bash("--completion", "z"), ["zsh"])

    @unittest.skipUnless(shutil.which("fish"), "no fish")
    def test_fish(self):
        def fish(line):
            process = subprocess.run(["fish", "--no-config", "-c", f"source {self.script('fish')}; complete -C '{line}'"],
                                     capture_output=True, env=environment(self.path), timeout=30)
            self.assertEqual(process.stderr, b"")
            return [row.split("\t")[0] for row in process.stdout.decode().splitlines()]
        self.assertEqual(fish("synapse tok"), ["tokenize"])
        self.assertEqual(fish("synapse run --mirostat-t"), ["--mirostat-tau"])
        self.assertIn("synapse-story-4m-Q8_0", fish("synapse run -m synapse-s"))

    @unittest.skipUnless(shutil.which("zsh"), "no zsh")
    def test_zsh(self):
        script = self.script("zsh")
        prepare = f"autoload -U compinit; compinit -u -D; PS1=; source {script}; bindkey '^I' complete-word\n".encode()
        for typed, wanted in ((b"synapse tokeni", b"tokenize"), (b"synapse run --mirostat-ta", b"--mirostat-tau"),
                              (b"synapse run -m synapse-st", b"synapse-story-4m-Q8_0")):
            keys = prepare + typed + b"\t"
            shown, _ = on_terminal(["zsh", "-f", "-i"], keys, env={**self.path, "TERM": "dumb"}, until=wanted)
            self.assertIn(wanted, shown.replace(b"\a", b""))


if __name__ == "__main__":
    unittest.main()
