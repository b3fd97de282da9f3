#!/usr/bin/env python3
"""Every format as another reader sees it: the Python package gguf dequantises what our quantisers wrote to the very values that we
give it. Without that package: skipped. quant_test writes the file.
"""
import os
import subprocess
import sys
import tempfile
from pathlib import Path

try:
    import numpy as np
    from gguf import GGUFReader, quants
except ImportError:
    print("skipped: no Python package gguf")
    sys.exit(77)

BUILD = Path(os.environ.get("SYNAPSE_BUILD", Path(__file__).resolve().parents[2] / "build/release"))


def main():
    with tempfile.TemporaryDirectory() as folder:
        file = folder + "/formats.gguf"
        subprocess.run([BUILD / "quant_test", "--gtest_filter=Quantize.writes_a_file_for_another_reader"], check=True, stdout=subprocess.DEVNULL,
                       env={**os.environ, "SYNAPSE_FORMATS_FILE": file})
        tensors = {t.name: t for t in GGUFReader(file).tensors}
        names = [name[2:] for name in tensors if name.startswith("t.")]
        assert len(names) >= 17, names
        for name in names:
            ours = np.array(tensors["f32." + name].data).reshape(-1)
            theirs = quants.dequantize(np.array(tensors["t." + name].data), tensors["t." + name].tensor_type).reshape(-1)
            assert tensors["t." + name].tensor_type.name == name
            assert np.array_equal(ours.view(np.uint32), theirs.astype(np.float32).view(np.uint32)), name
            print(f"{name}: {ours.size} values alike")


if __name__ == "__main__":
    main()
