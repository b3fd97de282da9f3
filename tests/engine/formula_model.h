// A small model of any family, weights by formula: each tensor is a function of its own name. Freestanding, so that
// every target can make the same one.
#pragma once
#include "synapse/cpu/kernels/kernels.h"
#include "synapse/io/checkpoint.h"

namespace synapse::test {

struct Shape {
  int32_t dim = 64, hidden_dim = 96, n_layers = 2, n_heads = 4, n_kv_heads = 2, head_dim = 32, vocab_size = 80;
  int32_t max_seq_len = 512, window = 0;
  int32_t n_experts = 6, n_experts_used = 2, expert_hidden_dim = 32;  // where the architecture ends in "moe"
};

// A checkpoint whose tables may still be changed; index() it before use.
struct FormulaModel {
  std::span<MetaEntry> metadata;
  std::span<NamedTensor> tensors;

  Checkpoint checkpoint(Arena& arena) const;
};

// Matrices in `dtype`, norms and biases in f32. About 500 KB of arena for the default shape.
FormulaModel make_formula_model(std::string_view architecture, DType dtype, const Shape& shape, const Kernels& kernels,
                                Arena& arena);

}  // namespace synapse::test
