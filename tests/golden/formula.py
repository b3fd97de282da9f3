"""formula.h in NumPy, and the Hugging Face folder of a golden."""
import json
from pathlib import Path

import numpy as np


def fnv(name):
    h = 0xCBF29CE484222325
    for b in name.encode():
        h = ((h ^ b) * 0x100000001B3) % 2**64
    return h


def formula(name, shape, base, scale):
    n = int(np.prod(shape))
    with np.errstate(over="ignore"):
        z = np.uint64(fnv(name)) + np.arange(1, n + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z ^= z >> np.uint64(31)
    u = (z >> np.uint64(40)).astype(np.float64) / 2**24 * 2 - 1
    return (base + scale * u).astype(np.float32).reshape(shape)


def write_folder(golden, folder):
    """config.json and model.safetensors in float32."""
    folder = Path(folder)
    (folder / "config.json").write_text(json.dumps(golden["config"]))
    header, at = {}, 0
    for name, shape, *_ in golden["tensors"]:
        n_bytes = 4 * int(np.prod(shape))
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [at, at + n_bytes]}
        at += n_bytes
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(folder / "model.safetensors", "wb") as out:
        out.write(len(text).to_bytes(8, "little") + text)
        for tensor in golden["tensors"]:
            out.write(formula(*tensor).tobytes())
