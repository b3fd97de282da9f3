#!/usr/bin/env python3
"""The plan against the process: the peak of resident memory lies within a tenth, or 4 MiB, of what was foretold.

Runs the binary that SYNAPSE_BINARY names (default: build/release/synapse) on the bundled model and on one of more
than 300 MB that it makes itself.
"""
import json
import os
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BINARY = os.environ.get("SYNAPSE_BINARY", str(ROOT / "build/release/synapse"))
MIB = 1 << 20


def peak_bytes(*args):
    """The most memory that the program held until shortly before its end, as the system counts it (VmHWM)."""
    process = subprocess.Popen([BINARY, *args], stdout=subprocess.DEVNULL)
    peak = 0
    while process.poll() is None:
        status = Path(f"/proc/{process.pid}/status").read_text()
        if status.startswith("Name:\tsynapse"):  # not the copy of this program that becomes it
            peak = max([peak, *(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM:"))])
        time.sleep(0.001)
    if process.returncode != 0:
        raise AssertionError(f"{args[:4]}: exit code {process.returncode}")
    return peak


class Memory(unittest.TestCase):
    def check(self, model, context, n_words, n_tokens):
        """Fills most of the context: the prompt, then the rest."""
        shown = subprocess.run([BINARY, "show", "-m", model, "-c", str(context), "--json"], check=True, capture_output=True)
        plan = json.loads(shown.stdout)["plan"]["total"]
        peak = peak_bytes("run", "-m", model, "-c", str(context), "-n", str(n_tokens), "--temp", "0", "--logit-bias", "2-inf",
                          "-p", "the " * n_words)
        allowed = max(plan // 10, 4 * MIB)
        self.assertLessEqual(abs(peak - plan), allowed, f"peak {peak / MIB:.1f} MiB, plan {plan / MIB:.1f} MiB")
        print(f"{Path(model).name}: peak {peak / MIB:.1f} MiB, plan {plan / MIB:.1f} MiB")

    def test_the_bundled_model(self):
        self.check(str(ROOT / "models/bundled/synapse-story-4m-Q8_0.gguf"), 256, 120, 120)

    def test_a_large_model(self):
        with tempfile.TemporaryDirectory() as folder:
            model = folder + "/large.gguf"
            subprocess.run([BINARY, "synth", "qwen3-0.6b", "--type", "Q4_0", "-o", model], check=True, capture_output=True)
            self.assertGreater(os.path.getsize(model), 300e6)
            self.check(model, 256, 64, 16)


if __name__ == "__main__":
    unittest.main()
