// The numbers of a model, under the names the field uses. model/ fills one from a Checkpoint's metadata
// (one table joins the two: model/read_config.cc); train/ writes one by hand.
#pragma once
#include <cstdint>

namespace synapse {

inline constexpr int32_t kMaxLayers = 4096;

// A set of layers, as a value.
struct LayerSet {
  uint64_t words[kMaxLayers / 64] = {};

  bool has(int32_t layer) const { return words[layer / 64] >> (layer % 64) & 1; }
  void add(int32_t layer) { words[layer / 64] |= uint64_t(1) << (layer % 64); }
};

// What one layer is; "when" in model.json asks for it.
struct Layer {
  bool sliding;    // its attention has the window
  bool recurrent;  // a state of fixed size instead of attention
  bool moe;        // experts instead of one feed-forward
};

struct Config {
  int32_t dim = 0;            // embedding_length
  int32_t hidden_dim = 0;     // feed_forward_length
  int32_t n_layers = 0;       // block_count
  int32_t n_heads = 0;        // attention.head_count
  int32_t n_kv_heads = 0;     // attention.head_count_kv
  int32_t head_dim = 0;       // attention.key_length
  int32_t vocab_size = 0;     // rows of token_embd.weight
  int32_t n_token_types = 0;  // rows of token_types.weight
  int32_t max_seq_len = 0;    // context_length
  int32_t window = 0;         // attention.sliding_window; 0: none
  int32_t n_rot = 0;          // rope.dimension_count
  float norm_eps = 0;         // attention.layer_norm_rms_epsilon or layer_norm_epsilon
  float rope_theta = 10000;   // rope.freq_base
  float rope_theta_swa = 0;   // rope.freq_base_swa: of sliding layers, which then turn unscaled; 0: as the others
  float rope_stretch = 1;     // rope.scaling.factor: positions are divided by it
  int32_t yarn_original = 0;  // rope.scaling.original_context_length of YaRN, which stretches only what turns slowly: less than
  float yarn_beta_slow = 1;   // ..yarn_beta_slow times within that context wholly, more than
  float yarn_beta_fast = 32;  // ..yarn_beta_fast times not at all; 0: all dims alike
  float rope_factor = 1;      // rope.scaling.attn_factor: of sin and cos
  int32_t rope_long_after = 0;  // rope.scaling.original_context_length where there are two sets of frequencies: a stream
                                // opened for more positions turns by rope_factors_long.weight; 0: one set
  float embedding_scale = 1;  // embedding_scale
  float residual_scale = 1;   // residual_scale: of what a block adds
  float attention_scale = 0;  // attention.scale: of the scores; 0: 1 / sqrt(head_dim)
  float attn_softcap = 0;     // attn_logit_softcapping; 0: none
  float final_softcap = 0;    // final_logit_softcapping; 0: none
  float logit_scale = 1;      // logit_scale: logits are divided by it
  int32_t n_experts = 0;          // expert_count; 0: no mixture
  int32_t n_experts_used = 0;     // expert_used_count: of each token
  int32_t expert_hidden_dim = 0;  // expert_feed_forward_length
  int32_t shared_hidden_dim = 0;  // expert_shared_feed_forward_length; 0: as wide as an expert
  float expert_weights_scale = 1;  // expert_weights_scale
  bool expert_weights_norm = false;  // expert_weights_norm: the weights of the chosen add up to 1
  bool causal = true;         // attention.causal; false: an encoder, every position sees all
  bool parallel_residual = false;  // use_parallel_residual
  LayerSet sliding, recurrent, moe;

  // State-space layers. Mamba-2 and Gated DeltaNet have ssm_dt_rank heads; what they call a group shares B and C, or q and k.
  int32_t ssm_conv = 0;         // ssm.conv_kernel
  int32_t ssm_inner = 0;        // ssm.inner_size
  int32_t ssm_state = 0;        // ssm.state_size
  int32_t ssm_dt_rank = 0;      // ssm.time_step_rank
  int32_t ssm_groups = 0;       // ssm.group_count
  bool ssm_dt_b_c_rms = false;  // ssm.dt_b_c_rms: dt, B and C are normalised without weights,
  float ssm_dt_b_c_eps = 0;     // ssm.dt_b_c_rms_epsilon; 0: norm_eps
  bool ssm_norm_before_gate = false;  // ssm.norm_before_gate
  float ssm_dt_min = 0;         // ssm.time_step_min: Mamba-2's steps are clamped
  float ssm_dt_max = 3e38f;     // ssm.time_step_max
  int32_t wkv_head_dim = 0;     // wkv.head_size
  int32_t lora_decay = 0, lora_iclr = 0, lora_value = 0, lora_gate = 0;  // attention.decay_lora_rank, iclr_, value_residual_mix_, gate_

  Layer layer(int32_t i) const { return {sliding.has(i), recurrent.has(i), moe.has(i)}; }
  int32_t window_of(int32_t i) const { return sliding.has(i) ? window : 0; }
};

}  // namespace synapse
