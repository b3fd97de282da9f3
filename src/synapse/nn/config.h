// The numbers of a model, under the names the field uses. model/ fills one from a Checkpoint's metadata
// (one table joins the two: model/read_config.cc); train/ writes one by hand.
#pragma once
#include <cstdint>
#include <optional>

namespace synapse {

struct Config {
  int32_t dim = 0;            // embedding_length
  int32_t hidden_dim = 0;     // feed_forward_length
  int32_t n_layers = 0;       // block_count
  int32_t n_heads = 0;        // attention.head_count
  int32_t n_kv_heads = 0;     // attention.head_count_kv
  int32_t head_dim = 0;       // attention.key_length
  int32_t vocab_size = 0;     // rows of token_embd.weight
  int32_t max_seq_len = 0;    // context_length
  int32_t window = 0;         // attention.sliding_window; 0: none
  int32_t n_rot = 0;          // rope.dimension_count
  float norm_eps = 0;         // attention.layer_norm_rms_epsilon or layer_norm_epsilon
  float rope_theta = 10000;   // rope.freq_base
  float rope_linear = 1;      // rope.scaling.factor of linear scaling: positions are divided by it

  int32_t n_experts = 0;          // expert_count; 0: no mixture
  int32_t n_experts_used = 0;     // expert_used_count: of each token
  int32_t expert_hidden_dim = 0;  // expert_feed_forward_length
  int32_t shared_hidden_dim = 0;  // expert_shared_feed_forward_length; 0: as wide as an expert
  float expert_weights_scale = 1;  // expert_weights_scale
  std::optional<bool> expert_weights_norm;  // expert_weights_norm: renormalise; absent: as the wiring says
};

}  // namespace synapse
