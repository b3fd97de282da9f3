// Models of published shapes with random weights and a made-up tokenizer, as GGUF files that any reader
// takes: to measure with, and to test with, where the real weights are not at hand.
#pragma once
#include <span>
#include <string>
#include <string_view>

#include "synapse/base/dtype.h"
#include "synapse/base/status.h"
#include "synapse/import/file_type.h"

namespace synapse {

struct SynthShape {
  std::string_view name;          // qwen3-0.6b
  std::string_view architecture;  // general.architecture
  std::string_view pre;           // tokenizer.ggml.pre
  int32_t n_layers, dim, hidden_dim, n_heads, n_kv_heads, head_dim, vocab_size, max_seq_len;
  float rope_theta, norm_eps;
  bool qk_norm;
  float llama3_factor;  // rotary scaling over 8192 trained positions; 0: none
  bool add_bos;
  // Mamba: channels, states a channel, taps, rank of the steps. RWKV-7 has heads of head_dim, and ranks of its own.
  int32_t n_channels = 0, n_state = 0, n_taps = 0, dt_rank = 0;
};
std::span<const SynthShape> synth_shapes();

// Writes the file through a platform::NewFile. Matrices are uniform with deviation 1 / sqrt(in), norms near 1, what recurrences read in
// ranges that keep them from growing; each value is a function of seed, tensor name and index. Vectors and what llama.cpp does not quantise
// stay f32; the embedding, tied to the head, is Q8_0 where `dtype` has fewer bits.
Status write_synth(const SynthShape& shape, DType dtype, uint64_t seed, Quantize quantize,
                   const std::string& path, bool overwrite);

}  // namespace synapse
