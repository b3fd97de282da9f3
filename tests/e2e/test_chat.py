#!/usr/bin/env python3
"""synapse chat from outside: turns, what is read again, commands, a full context, interrupts at a terminal."""
import json
import os
import pty
import select
import signal
import time
import unittest

from cli import BINARY, MODEL, Case, environment, synapse

LINES = "{% for m in messages %}{{ m.content }}\n{% endfor %}"


class Chat(Case):
    def chat(self, said, *args, template=LINES, temp="0"):
        return synapse("chat", "-m", MODEL, "--chat-template", self.file("chat.jinja", template.encode()), "--temp", temp,
                       "-n", "12", *args, stdin=said)

    def turns(self, said, *args, **kwargs):
        return [json.loads(line) for line in self.data_of(self.chat(said, "--json", *args, **kwargs)).splitlines()]

    def saved(self, said, *args, **kwargs):
        """The messages when all was said."""
        path = str(self.folder / "saved.json")
        self.chat(said + f"/save {path}\n", *args, **kwargs)
        with open(path) as file:
            return json.load(file)["messages"]

    def test_a_reply_is_what_run_writes_after_the_rendered_prompt(self):
        reply = self.data_of(self.chat("Once upon a time\n"))
        alone = self.data_of(synapse("run", "-m", MODEL, "-p", "Once upon a time\n", "-n", "12", "--temp", "0"))
        self.assertEqual(reply, alone)
        one_shot = self.data_of(self.chat("", "Once upon a time"))
        self.assertEqual(one_shot, alone)

    def test_a_turn_reads_only_what_is_new(self):
        first, second, third = self.turns("Once upon a time\nThe dog\nThe cat\n")
        self.assertEqual(first["read_tokens"] + 12, first["context_tokens"])
        self.assertLess(second["read_tokens"], 6)  # "\n", "The dog", "\n"
        self.assertLess(third["read_tokens"], 6)
        self.assertEqual(third["context_tokens"], second["context_tokens"] + third["read_tokens"] + 12)

    def test_reading_what_is_new_gives_what_reading_all_gives(self):
        said = "Once upon a time\nThe dog\nThe cat\n"
        messages = self.saved(said)
        self.assertEqual([m["role"] for m in messages], ["user", "assistant"] * 3)
        with open(self.folder / "before.json", "w") as file:
            json.dump({"messages": messages[:4]}, file)
        again, = self.turns("The cat\n", "--load", str(self.folder / "before.json"))
        self.assertGreater(again["read_tokens"], 20)
        self.assertEqual(again["content"], messages[5]["content"])

    def test_regenerate_is_another_reply_and_reads_nothing(self):
        first, second = self.turns("Once upon a time\n/regenerate\n", "-s", "7", temp="1.5")
        self.assertEqual(second["read_tokens"], 0)
        self.assertNotEqual(first["content"], second["content"])
        self.assertEqual(len(self.saved("Once\n/regenerate\n/regenerate\n")), 2)

    def test_system_message_and_reset(self):
        messages = self.saved("Hello\n/system Be kind.\n", "--system", "Be brief.")
        self.assertEqual(messages[0], {"role": "system", "content": "Be kind."})
        self.assertEqual(len(messages), 3)
        self.assertEqual(self.saved("Hello\n/reset\n", "--system", "Be brief."), [{"role": "system", "content": "Be brief."}])
        self.assertEqual(self.saved("Hello\n/system\n/reset\n", "--system", "Be brief."), [])

    def test_texts_of_several_lines(self):
        messages = self.saved('"""One\ntwo"""\nThree\\\nfour\n')
        self.assertEqual([m["content"] for m in messages if m["role"] == "user"], ["One\ntwo", "Three\nfour"])

    def test_variables_and_tools_reach_the_template(self):
        template = "{{ 'T' if enable_thinking else 'F' }}{{ extra }}{{ tools[0].name if tools else '-' }}{{ messages[-1].content }}"
        tools = self.file("tools.json", b'[{"name": "a clock that tells the time"}]')

        def read(*args):
            return self.turns("x\n", *args, template=template)[0]["context_tokens"]
        plain = read("--think", "off")
        self.assertGreater(read("--chat-template-kwargs", '{"extra": "one two three four"}'), plain)
        self.assertGreater(read("--tools", tools), plain)
        self.assert_ends(self.chat("x\n", "--chat-template-kwargs", "[]"), 1, "JSON object")
        self.assert_ends(self.chat("x\n", "--tools", self.file("bad.json", b"{}")), 1, "list of tools")

    def test_control_tokens_that_somebody_says_are_text(self):
        end = "<|endoftext|>"
        said, = self.turns(end + "\n")
        written, = self.turns("x\n", template="{% for m in messages %}" + end + "\n{% endfor %}")
        self.assertGreater(said["read_tokens"], written["read_tokens"] + 2)
        self.assertEqual(self.saved(end + "\n")[0]["content"], end)

    def test_a_full_context_is_refused_or_forgets_when_asked(self):
        said = "Once upon a time there was a dog.\n" * 8
        refused = self.chat(said, "-c", "64")
        self.assertEqual(refused.returncode, 1)
        self.assertIn(b"the context holds 64", refused.stderr)
        turns = self.turns(said, "-c", "64", "--when-full", "forget", "--system", "A story.")
        self.assertEqual(len(turns), 8)
        self.assertTrue(all(t["context_tokens"] <= 64 for t in turns), turns)
        self.assertGreater(turns[-1]["forgotten_messages"], 0)
        self.assertEqual(len(self.saved(said, "-c", "64", "--when-full", "forget")), 16)  # what is saved is whole
        self.assert_ends(self.chat("the " * 100 + "\n", "-c", "64", "--when-full", "forget"), 1, "the context holds 64")

    def test_errors_take_back_what_was_said(self):
        template = "{% if messages[-1].content == 'bad' %}{{ raise_exception('No.') }}{% endif %}" + LINES
        process = self.chat("bad\n", template=template)
        self.assertEqual(process.returncode, 1)
        self.assertIn(b"No.", process.stderr)

    def test_what_is_wrong_is_named(self):
        self.assert_ends(synapse("chat", "-m", MODEL, stdin="x\n"), 1, "--chat-template FILE")
        self.assert_ends(self.chat("/frob\n"), 1, "/regenerate")
        self.assert_ends(self.chat("/regenerate\n"), 1, "no reply yet")
        self.assert_ends(self.chat("/set temp hot\n"), 1, "hot")
        self.assert_ends(self.chat("/set --model x\n"), 1, "--model")
        self.assert_ends(self.chat("/load " + self.file("bad.json", b"[1]") + "\n"), 1, "message 0")
        self.assert_ends(self.chat("", "--load", "nowhere.json"), 1, "nowhere.json")

    def test_set_changes_what_follows(self):
        cold, hot = self.turns("Once upon a time\n/reset\n/set temp 3\n/set seed 5\n/set predict 30\nOnce upon a time\n")
        self.assertNotEqual(cold["content"], hot["content"][:len(cold["content"])])
        self.assertEqual((cold["generated_tokens"], hot["generated_tokens"]), (12, 30))


class Terminal(Case):
    """A person at a terminal; what it shows is read as it comes."""

    def setUp(self):
        super().setUp()
        self.screen = b""
        pid, self.terminal = pty.fork()
        if pid == 0:
            os.environ.update(environment({"TERM": "xterm", "SYNAPSE_ISA": "scalar"}))  # slow enough to interrupt
            template = self.file("chat.jinja", LINES.encode())
            os.execv(BINARY, [BINARY, "chat", "-m", MODEL, "--chat-template", template, "--temp", "0", "--ignore-eos", "-t", "1",
                              "-v"])
        self.pid = pid
        self.addCleanup(self.end)

    def end(self):
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        os.close(self.terminal)

    def type(self, text):
        """As a person does: once the program waits for it."""
        time.sleep(0.2)
        os.write(self.terminal, text.encode())

    def wait_for(self, text, seconds=30):
        """Everything up to this text, which is taken off."""
        end = time.monotonic() + seconds
        while text.encode() not in self.screen:
            self.assertGreater(end, time.monotonic(), f"no {text!r} in {self.screen!r}")
            if select.select([self.terminal], [], [], 0.1)[0]:
                try:
                    self.screen += os.read(self.terminal, 65536)
                except OSError:
                    self.fail(f"it ended; no {text!r} in {self.screen!r}")
        before, self.screen = self.screen.split(text.encode(), 1)
        return before.decode(errors="replace")

    def exit_code(self):
        for _ in range(300):
            ended, status = os.waitpid(self.pid, os.WNOHANG)
            if ended:
                self.pid = None
                return os.waitstatus_to_exitcode(status)
            time.sleep(0.1)
        self.fail(f"it goes on after {self.screen!r}")

    def test_an_interrupt_ends_the_reply_and_keeps_the_session(self):
        self.wait_for("> ")
        self.type("Once upon a time\n")
        self.wait_for("tall house")
        self.type("\x03")
        self.wait_for("tok/s); cancelled")
        self.wait_for("> ")
        self.type("/stats\n")
        self.wait_for("synapse: 2 messages")
        self.wait_for("> ")
        self.type("/set predict 5\n")
        self.wait_for("/set predict 5\r\n")
        self.wait_for("> ")
        self.type("Then\n")
        self.wait_for("tok/s); length")
        self.wait_for("> ")
        self.type("half a line\x03")  # gone, but nothing else
        self.wait_for("> ")
        self.type("/stats\n")
        self.wait_for("synapse: 4 messages")
        self.wait_for("> ")
        self.type("/bye\n")
        self.assertEqual(self.exit_code(), 0)

    def test_end_of_input_ends(self):
        self.wait_for("> ")
        self.type("\x04")
        self.assertEqual(self.exit_code(), 0)


if __name__ == "__main__":
    unittest.main()
