"""What tests of the command line share: the binary, a model, processes that have ended, GGUF files of metadata alone."""
import json
import os
import struct
import subprocess
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BINARY = os.environ.get("SYNAPSE_BINARY", str(ROOT / "build/release/synapse"))
MODEL = str(ROOT / "models/bundled/synapse-story-4m-Q8_0.gguf")
PROMPT = "Once upon a time"
SANITIZED = b"__asan_init" in Path(BINARY).read_bytes()  # such a program takes far more memory, and not always as much


def environment(env=None):
    clean = {k: v for k, v in os.environ.items() if not k.startswith("SYNAPSE_")}
    clean.update(env or {})
    return clean


def synapse(*args, env=None, stdin="", timeout=30):
    """The finished process; texts as bytes."""
    data = stdin if isinstance(stdin, bytes) else stdin.encode()
    return subprocess.run([BINARY, *args], input=data, capture_output=True, env=environment(env), timeout=timeout)


def npy(path):
    """(shape, values) of a float32 .npy file."""
    data = Path(path).read_bytes()
    assert data[:8] == b"\x93NUMPY\x01\x00", data[:8]
    size, = struct.unpack("<H", data[8:10])
    assert (10 + size) % 64 == 0
    header = eval(data[10:10 + size])  # a Python literal by the format's definition
    assert header["descr"] == "<f4" and header["fortran_order"] is False
    body = data[10 + size:]
    return header["shape"], struct.unpack(f"<{len(body) // 4}f", body)


def greedy(*args, **kwargs):
    return synapse("run", "-m", MODEL, "-p", PROMPT, "--temp", "0", *args, **kwargs)


def gguf_with(**metadata):
    """A GGUF v3 file of metadata alone; "." in a key is written "__". Texts, floats and whole numbers."""
    def text(s):
        return struct.pack("<Q", len(s)) + s.encode()
    out = b"GGUF" + struct.pack("<IQQ", 3, 0, len(metadata))
    for key, value in metadata.items():
        out += text(key.replace("__", "."))
        if isinstance(value, str):
            out += struct.pack("<I", 8) + text(value)
        elif isinstance(value, float):
            out += struct.pack("<If", 6, value)
        else:
            out += struct.pack("<Ii", 5, value)
    return out


class Case(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def file(self, name, data):
        (self.folder / name).write_bytes(data)
        return str(self.folder / name)

    def assert_ends(self, process, code, message=""):
        errors = process.stderr.decode()
        self.assertEqual(process.returncode, code, errors)
        self.assertIn(message, errors)
        if code == 1:
            self.assertEqual(process.stdout, b"")
            self.assertTrue(errors.splitlines()[-1].startswith("synapse: "), errors)

    def data_of(self, process):
        self.assert_ends(process, 0)
        return process.stdout.decode()

    def json_of(self, process):
        return json.loads(self.data_of(process))
