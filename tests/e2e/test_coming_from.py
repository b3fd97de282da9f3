#!/usr/bin/env python3
"""The commands of docs/coming-from.md: every one of ours does what its row says, on models that stand where it looks."""
import hashlib
import json
import os
import re
import shlex
import subprocess
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BINARY = os.environ.get("SYNAPSE_BINARY", str(ROOT / "build/release/synapse"))
BUNDLED = ROOT / "models/bundled/synapse-story-4m-Q8_0.gguf"


def commands():
    rows = re.findall(r"^\| .* \| `(synapse [^`]*)`.*\|$", (ROOT / "docs/coming-from.md").read_text(), re.MULTILINE)
    assert len(rows) >= 15, rows
    return rows


class ComingFrom(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        (self.folder / "model.gguf").symlink_to(BUNDLED)
        (self.folder / "small.gguf").symlink_to(BUNDLED)
        (self.folder / "prompt.txt").write_text("Once upon a time\n")
        (self.folder / "text.txt").write_text("Once upon a time there was a dog. It ran to the red house and sat down.\n" * 12)
        (self.folder / "chat.jinja").write_text("{% for m in messages %}{{ m.content }}\n{% endfor %}")
        (self.folder / "folder").mkdir()
        subprocess.run([BINARY, "synth", "tiny-llama", "--type", "F32", "-o", str(self.folder / "folder/tiny.gguf")], check=True,
                       capture_output=True)
        # Hugging Face's cache.
        repository = self.folder / "hub/models--org--name"
        (repository / "refs").mkdir(parents=True)
        (repository / "refs/main").write_text("0123abcd")
        (repository / "snapshots/0123abcd").mkdir(parents=True)
        (repository / "snapshots/0123abcd/name-Q8_0.gguf").symlink_to(BUNDLED)
        # ollama's store.
        digest = hashlib.sha256(BUNDLED.read_bytes()).hexdigest()
        blobs, manifests = self.folder / "ollama/blobs", self.folder / "ollama/manifests/registry.ollama.ai/library/tiny"
        blobs.mkdir(parents=True)
        manifests.mkdir(parents=True)
        (blobs / f"sha256-{digest}").symlink_to(BUNDLED)
        (manifests / "latest").write_text(json.dumps({"schemaVersion": 2, "layers": [
            {"mediaType": "application/vnd.ollama.image.model", "digest": "sha256:" + digest, "size": BUNDLED.stat().st_size}]}))

    def test_every_command_of_ours(self):
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("SYNAPSE_", "HF_", "OLLAMA_"))}
        environment |= {"HF_HUB_CACHE": str(self.folder / "hub"), "OLLAMA_MODELS": str(self.folder / "ollama")}
        for command in commands():
            with self.subTest(command=command):
                process = subprocess.run([BINARY, *shlex.split(command)[1:]], cwd=self.folder, env=environment, input=b"Hello\n",
                                         capture_output=True, timeout=60)
                self.assertEqual(process.returncode, 0, process.stderr.decode())
                self.assertTrue(process.stdout.strip(), "nothing on stdout")
                if " list" in command:
                    for name in (b"org/name", b"tiny", b"synapse-story-4m"):
                        self.assertIn(name, process.stdout)
                if " convert " in command:
                    made = self.folder / process.stdout.decode().strip()
                    self.assertEqual(made.read_bytes()[:4], b"GGUF")


if __name__ == "__main__":
    unittest.main()
