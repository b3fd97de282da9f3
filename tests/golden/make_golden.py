#!/usr/bin/env python3
"""Makes tests/golden/NAME.json with the transformers package: a small model whose weights are formulas of their names
(formula.h), its config and tensors, and logits of its float64 forward.

    python3 -m venv venv && venv/bin/pip install torch transformers numpy
    venv/bin/python tests/golden/make_golden.py olmo2 ...
"""
import hashlib
import json
import sys
from pathlib import Path

import torch
import transformers

from formula import formula

SMALL = dict(vocab_size=512, hidden_size=256, intermediate_size=512, num_hidden_layers=4, num_attention_heads=4, max_position_embeddings=2048,
             bos_token_id=1, eos_token_id=2, pad_token_id=0, tie_word_embeddings=False)
GROUPED = dict(SMALL, num_key_value_heads=2)

# name -> class, config
MODELS = {
    "glm4": ("Glm4", dict(GROUPED, head_dim=64, partial_rotary_factor=0.5, attention_bias=True)),
    "gpt2": ("GPT2", dict(vocab_size=512, n_positions=2048, n_embd=256, n_layer=4, n_head=4, bos_token_id=1, eos_token_id=2)),
    "jamba": ("Jamba", dict(GROUPED, num_experts=4, num_experts_per_tok=2, expert_layer_period=2, expert_layer_offset=1, attn_layer_period=4,
                            attn_layer_offset=2, mamba_d_state=16, mamba_dt_rank=16, use_mamba_kernels=False)),
    "llama-bias": ("Llama", dict(GROUPED, attention_bias=True, mlp_bias=True)),
    "olmo2": ("Olmo2", GROUPED),
    "phi2": ("Phi", dict(GROUPED, partial_rotary_factor=0.5)),
    "qwen2": ("Qwen2", dict(GROUPED, use_sliding_window=True, sliding_window=64, max_window_layers=2)),
    "qwen2-yarn": ("Qwen2", dict(GROUPED, rope_parameters={
        "rope_type": "yarn", "rope_theta": 10000.0, "factor": 4.0, "original_max_position_embeddings": 64})),
    "qwen2-moe": ("Qwen2Moe", dict(GROUPED, num_experts=8, num_experts_per_tok=2, moe_intermediate_size=128, shared_expert_intermediate_size=256)),
    "stablelm": ("StableLm", dict(GROUPED, partial_rotary_factor=0.25, use_qkv_bias=True)),
    "starcoder2": ("Starcoder2", dict(GROUPED, sliding_window=64)),
}
CASES = {24: [0, 1, 12, 22, 23], 300: [0, 1, 150, 298, 299]}  # tokens -> positions whose logits are kept


def base_and_scale(name, shape, is_norm):
    if is_norm and name.endswith(".weight"):
        return 1.0, 0.2
    if len(shape) == 1:
        return 0.0, 0.1
    if "embed" in name or "wte" in name or "wpe" in name or "lm_head" in name:
        return 0.0, 0.5
    inputs = shape[0] if is_transposed(name) else shape[-1]
    return 0.0, round((3 / inputs) ** 0.5, 6)


def is_transposed(name):  # GPT-2 keeps its matrices as (in, out)
    return name.startswith("transformer.h.")


def parts_of(name, tensor):
    """A tensor under the names that files have: experts, stacked in memory, are matrices of their own there."""
    stem, _, leaf = name.rpartition(".")
    matrices = {"gate_up_proj": ("gate_proj", "up_proj"), "down_proj": ("down_proj",)}.get(leaf, ())
    if not stem.endswith(".experts") or not matrices:
        return [(name, tensor)]
    return [(f"{stem}.{expert}.{matrix}.weight", rows) for expert in range(len(tensor))
            for matrix, rows in zip(matrices, tensor[expert].chunk(len(matrices)))]


def make(name):
    kind, keys = MODELS[name]
    config = getattr(transformers, kind + "Config")(**keys)
    config._attn_implementation = config._experts_implementation = "eager"
    kind = next(c for c in (kind + "ForCausalLM", kind + "LMHeadModel") if hasattr(transformers, c))
    model = getattr(transformers, kind)(config).eval()
    norms = {n for n, m in model.named_modules() if "norm" in type(m).__name__.lower()}
    tensors, state = [], model.state_dict()
    for tensor in sorted(state):
        if config.tie_word_embeddings and tensor == "lm_head.weight":
            continue
        for part, target in parts_of(tensor, state[tensor]):
            shape = list(target.shape)
            base, scale = base_and_scale(part, shape, tensor.rpartition(".")[0] in norms)
            tensors.append([part, shape, base, scale])
            target.copy_(torch.from_numpy(formula(part, shape, base, scale)))
    model.tie_weights()

    cases = []
    for n, positions in CASES.items():
        ids = [int.from_bytes(hashlib.sha256(f"{name} {n} {i}".encode()).digest()[:4], "little") % 512 for i in range(n)]
        with torch.no_grad():
            narrow = model.float()(torch.tensor([ids])).logits[0].double()
            wide = model.double()(torch.tensor([ids])).logits[0]
        cases.append(dict(ids=ids, positions=positions, logits=[[float(f"{x:.7g}") for x in wide[p].tolist()] for p in positions],
                          argmax=wide.argmax(-1).tolist(), f32_vs_f64=float((narrow - wide).abs().max()), std=float(wide.std())))
        model.float()
    config_json = {k: v for k, v in config.to_dict().items() if v is not None and k not in ("_name_or_path", "dtype", "transformers_version")}
    config_json["architectures"] = [kind]
    golden = dict(name=name, transformers=transformers.__version__, kind="lm", **{"class": kind}, config=config_json,
                  tensors=tensors, cases=cases)
    path = Path(__file__).parent / f"{name}.json"
    path.write_text(json.dumps(golden, separators=(",", ":")) + "\n")
    print(f"{path.name}: {path.stat().st_size} bytes, std {[round(c['std'], 3) for c in cases]}, f32 off by {[c['f32_vs_f64'] for c in cases]}")


if __name__ == "__main__":
    for wanted in sys.argv[1:] or sorted(MODELS):
        make(wanted)
