#!/usr/bin/env python3
"""Reference numbers for the storage formats, by the Python package gguf (0.19): prints the tables of kernels_test.cc.

For each format 64 blocks by formula (op_cases' random_block, seeds 0 .. 63): FNV-1a of the dequantised f32 bytes. And FNV-1a of
the blocks that the package makes of 256 numbers, where it has a quantiser.
"""
import struct

import numpy as np
from gguf import GGMLQuantizationType as Type
from gguf import quants

M64 = (1 << 64) - 1
HALVES = {"Q4_0": (0, -1), "Q4_1": (0, 2), "Q5_0": (0, -1), "Q5_1": (0, 2), "Q8_0": (0, -1), "Q2_K": (80, 82), "Q3_K": (108, -1),
          "Q4_K": (0, 2), "Q5_K": (0, 2), "Q6_K": (208, -1), "IQ4_NL": (0, -1), "IQ4_XS": (0, -1), "TQ2_0": (64, -1),
          "MXFP4": (-1, -1)}


def random_bits(seed, i):
    z = (seed + (i + 1) * 0x9E3779B97F4A7C15) & M64
    z = ((z ^ z >> 30) * 0xBF58476D1CE4E5B9) & M64
    z = ((z ^ z >> 27) * 0x94D049BB133111EB) & M64
    return z ^ z >> 31


def random_unit(seed, i):
    return np.float32(random_bits(seed, i) >> 40) * np.float32(1 / 16777216)


def fnv(data):
    h = 0xCBF29CE484222325
    for b in data:
        h = ((h ^ b) * 0x100000001B3) & M64
    return h


def random_block(name, n, seed):
    block = bytearray(random_bits(seed, i) & 255 for i in range(n))
    for k, at in enumerate(HALVES[name]):
        if at >= 0:
            value = (random_unit(seed, n + k) + np.float32(0.1)) * np.float32(0.01)
            block[at:at + 2] = struct.pack("<e", np.float16(value))
    if name == "MXFP4":
        block[0] = 118 + block[0] % 8
    return bytes(block)


def main():
    for name in HALVES:
        kind = Type[name]
        elements, size = quants.GGML_QUANT_SIZES[kind]
        blocks = b"".join(random_block(name, size, seed) for seed in range(64))
        values = quants.dequantize(np.frombuffer(blocks, np.uint8), kind).astype(np.float32)
        assert values.size == 64 * elements
        print(f"    {{{name.lower()}, 0x{fnv(values.tobytes()):016x}}},")
    i = np.arange(256)
    x = ((i * 37 % 64 - 29) * (i % 5 + 1)).astype(np.float32) / np.float32(64)
    for name in HALVES:
        try:
            made = quants.quantize(x.reshape(1, -1), Type[name])
        except NotImplementedError:
            continue
        print(f"    {{{name.lower()}, 0x{fnv(made.tobytes()):016x}}},")


if __name__ == "__main__":
    main()
