#!/usr/bin/env python3
"""Writes quantize_types.json: the type that llama.cpp gives each tensor of small made-up models, for every mix of `synapse quantize`.

    make_quantize_types.py FOLDER_OF_LIBLLAMA

Wants numpy and gguf, and a prebuilt llama.cpp (libggml-base, libggml, libllama: the npm package @node-llama-cpp/linux-x64 has one).
Of a model only metadata, tensor names and row lengths matter. A type that the library refuses is recorded as null.
"""
import ctypes
import glob
import json
import sys
import tempfile
from pathlib import Path

import gguf
import numpy as np

MIXES = {"F32": 0, "F16": 1, "Q4_0": 2, "Q4_1": 3, "Q8_0": 7, "Q5_0": 8, "Q5_1": 9, "Q2_K": 10, "Q3_K_S": 11, "Q3_K_M": 12, "Q3_K_L": 13,
         "Q4_K_S": 14, "Q4_K_M": 15, "Q5_K_S": 16, "Q5_K_M": 17, "Q6_K": 18, "IQ4_NL": 25, "IQ4_XS": 30, "BF16": 32, "TQ2_0": 37,
         "MXFP4_MOE": 38}


class Params(ctypes.Structure):
    _fields_ = ([(name, ctypes.c_int32) for name in ("n_threads", "file_type", "output", "embedding")]
                + [(name, ctypes.c_bool) for name in ("requantize", "with_output", "copy", "pure", "split", "dry")]
                + [(name, ctypes.c_void_p) for name in ("imatrix", "overrides", "types", "prune")])


class Column(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char_p), ("data", ctypes.POINTER(ctypes.c_float)), ("size", ctypes.c_size_t)]


def attention(layer, dim=256):
    return {f"blk.{layer}.{n}.weight": dim for n in ("attn_norm", "attn_q", "attn_k", "attn_v", "attn_output", "ffn_norm")}


def dense(layer, dim=256, hidden=256):
    return {**attention(layer, dim), f"blk.{layer}.ffn_gate.weight": dim, f"blk.{layer}.ffn_up.weight": dim,
            f"blk.{layer}.ffn_down.weight": hidden}


def decoder(n_layers, layer=dense, head=True, dim=256, **kwargs):
    tensors = {"token_embd.weight": dim, "output_norm.weight": dim}
    if head:
        tensors["output.weight"] = dim
    for i in range(n_layers):
        tensors |= layer(i, dim, **kwargs)
    return tensors


def experts(layer, dim=256):
    names = {f"blk.{layer}.ffn_gate_inp.weight": dim}
    return {**attention(layer, dim), **names, **{f"blk.{layer}.ffn_{n}_exps.weight": (dim, 2) for n in ("gate", "up", "down")}}


def shared_experts(layer, dim=256):
    return {**experts(layer, dim), **{f"blk.{layer}.ffn_{n}_shexp.weight": dim for n in ("gate", "up", "down")},
            f"blk.{layer}.ffn_gate_inp_shexp.weight": dim}


def fused(layer, dim=256):
    return {f"blk.{layer}.{n}.weight": dim for n in ("attn_norm", "attn_qkv", "attn_output", "ffn_norm", "ffn_up", "ffn_down")}


def mamba(layer, dim=256):
    tensors = {f"blk.{layer}.{n}.weight": dim for n in ("attn_norm", "ssm_in", "ssm_x", "ssm_dt", "ssm_out")}
    return {**tensors, f"blk.{layer}.ssm_conv1d.weight": 4, f"blk.{layer}.ssm_a": (16, 1)}


def rwkv(layer, dim=256):
    names = "time_mix_w1 time_mix_w2 time_mix_g1 time_mix_lerp_fused time_mix_key time_mix_value time_mix_output channel_mix_key channel_mix_value"
    return {f"blk.{layer}.{n}.weight": dim for n in ["attn_norm", *names.split()]}


def hybrid(layer, dim=256):
    return mamba(layer, dim) | {f"blk.{layer}.ffn_down.weight": dim} if layer % 4 else dense(layer, dim)


def heads(arch, n_layers, n_heads, n_kv, dim=256, **more):
    keys = {"block_count": n_layers, "embedding_length": dim, "context_length": 512, "feed_forward_length": 256,
            "attention.head_count": n_heads, "attention.head_count_kv": n_kv, "rope.dimension_count": 32, "vocab_size": 4,
            "attention.layer_norm_rms_epsilon": 1e-5, "attention.layer_norm_epsilon": 1e-5, **more}
    return {"arch": arch, "keys": keys}


SSM = {"ssm.conv_kernel": 4, "ssm.inner_size": 512, "ssm.state_size": 16, "ssm.time_step_rank": 16}
MODELS = {
    "llama": {**heads("llama", 16, 8, 8), "tensors": decoder(16)},
    "llama, 32 layers, groups of 4, tied": {**heads("llama", 32, 8, 2), "tensors": decoder(32, head=False)},
    "llama, 80 layers": {**heads("llama", 80, 8, 1), "tensors": decoder(80)},
    "qwen2, 80 layers": {**heads("qwen2", 80, 8, 2), "tensors": decoder(80)},
    "llama, 8 experts": {**heads("llama", 8, 8, 2, expert_count=8, expert_used_count=2), "tensors": decoder(8, experts)},
    "qwen2moe, 16 experts": {**heads("qwen2moe", 12, 4, 4, expert_count=16, expert_used_count=2), "tensors": decoder(12, shared_experts)},
    "gemma3, rows of 640": {**heads("gemma3", 18, 4, 1, 640), "tensors": decoder(18, head=False, dim=640, hidden=2048)},
    "llama, rows of 48": {**heads("llama", 4, 1, 1, 48, **{"rope.dimension_count": 48}), "tensors": decoder(4, dim=48, hidden=256)},
    "phi2": {**heads("phi2", 24, 8, 8), "tensors": decoder(24, fused)},
    "gptneox": {**heads("gptneox", 6, 8, 8, use_parallel_residual=True), "tensors": decoder(6, fused)},
    "falcon": {**heads("falcon", 32, 8, 1), "tensors": decoder(32, fused)},
    "mamba": {**heads("mamba", 8, 0, 0, **SSM), "tensors": decoder(8, mamba, head=False)},
    "rwkv7": {**heads("rwkv7", 8, 0, 0, **{"wkv.head_size": 64, "attention.decay_lora_rank": 32, "attention.iclr_lora_rank": 32,
                                           "attention.value_residual_mix_lora_rank": 32, "attention.gate_lora_rank": 32}),
              "tensors": decoder(8, rwkv)},
    "jamba": {**heads("jamba", 8, 8, [2, 0, 0, 0, 2, 0, 0, 0], **SSM), "tensors": decoder(8, hybrid)},
    "bert": {**heads("bert", 6, 8, 8, **{"attention.causal": False}),
             "tensors": decoder(6, head=False) | {"position_embd.weight": 256, "token_types.weight": 256}},
}


def write_model(path, model):
    writer = gguf.GGUFWriter(path, model["arch"])
    for key, value in model["keys"].items():
        add = {bool: writer.add_bool, float: writer.add_float32, list: writer.add_array}.get(type(value), writer.add_uint32)
        add(f"{model['arch']}.{key}", value)
    for name, size in model["tensors"].items():
        cols, n = size if isinstance(size, tuple) else (size, 0)
        shape = (cols,) if name.endswith("_norm.weight") else (n, 2, cols) if n > 1 else (2, cols)
        writer.add_tensor(name, np.ones(shape, np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def shorter(values):
    """{"blk.0.x": 1, "blk.1.x": 1, "blk.2.x": 5} as {"blk.*.x": {"0-1": 1, "2": 5}}: runs of layers; other names have {"": value}."""
    out = {}
    for name, value in sorted(values.items(), key=lambda item: [int(part) if part.isdigit() else -1 for part in item[0].split(".")]):
        parts = name.split(".")
        if parts[0] != "blk":
            out[name] = {"": value}
            continue
        layer, parts[1] = int(parts[1]), "*"
        runs = out.setdefault(".".join(parts), [])
        if runs and runs[-1][1] == layer - 1 and runs[-1][2] == value:
            runs[-1][1] = layer
        else:
            runs.append([layer, layer, value])
    return {name: {f"{a}-{b}": value for a, b, value in runs} if isinstance(runs, list) else runs for name, runs in out.items()}


class Library:
    def __init__(self, folder):
        for pattern in ("libggml-base*", "libggml.*", "libllama.*"):
            library = ctypes.CDLL(glob.glob(f"{folder}/{pattern}")[0], mode=ctypes.RTLD_GLOBAL)
        self.llama = library
        library.llama_model_quantize_default_params.restype = Params
        silent = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p)
        self.silent = silent(lambda *_: None)
        library.llama_log_set(self.silent, None)
        library.llama_backend_init()

    def types(self, source, target, file_type, imatrix):
        params = self.llama.llama_model_quantize_default_params()
        assert not params.pure and params.with_output and not params.dry and not params.imatrix  # the struct is as declared above
        params.n_threads, params.file_type = 1, file_type
        keep = []
        if imatrix:
            data = (ctypes.c_float * 4096)(*[1.0] * 4096)
            rows = [(name.encode(), data, n) for name, n in imatrix.items()] + [(None, None, 0)]
            keep = (Column * len(rows))(*[Column(name, data, n) for name, data, n in rows])
            params.imatrix = ctypes.cast(keep, ctypes.c_void_p).value
        if self.llama.llama_model_quantize(source.encode(), target.encode(), ctypes.byref(params)):
            return None
        return {t.name: t.tensor_type.name for t in gguf.GGUFReader(target).tensors}


def main():
    library, out = Library(sys.argv[1]), {}
    with tempfile.TemporaryDirectory() as folder:
        for name, model in MODELS.items():
            source, target = f"{folder}/in.gguf", f"{folder}/out.gguf"
            write_model(source, model)
            columns = {n: s[0] * max(s[1], 1) if isinstance(s, tuple) else s for n, s in model["tensors"].items()}
            rows = {}
            for mix, number in MIXES.items():
                for suffix, imatrix in (("", None), (" imatrix", columns)):
                    types = library.types(source, target, number, imatrix)
                    if suffix and types == rows.get(mix):
                        continue
                    rows[mix + suffix] = types
            out[name] = {"arch": model["arch"], "keys": model["keys"], "tensors": shorter(model["tensors"]),
                         "types": {mix: types and shorter(types) for mix, types in rows.items()}}
            print(name, len(rows), [m for m, t in rows.items() if t is None], file=sys.stderr)
    text = json.dumps({"what": "types that llama.cpp's llama_model_quantize gives each tensor; made by make_quantize_types.py", "models": out},
                      separators=(",", ":"))
    text = text.replace('"models":{', '"models":{\n').replace('}}},"', '}}},\n"')
    (Path(__file__).parent / "quantize_types.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
