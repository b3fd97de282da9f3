// A model: wiring + weights, immutable once built. Every name and shape has been checked, so forward cannot fail.
#pragma once
#include "synapse/io/checkpoint.h"
#include "synapse/model/families.h"
#include "synapse/nn/block.h"
#include "synapse/ops/ops.h"

namespace synapse {

class Model {
 public:
  // Builds the family, one of `known`, that general.architecture names. All that is wrong (missing, misshapen and unused tensors,
  // absurd numbers, formats the device does not run) is noted in `faults`; one fault fails the build.
  // Tensors are views of the checkpoint or what the device repacked into `arena`.
  static Result<Model*> build(const Checkpoint& checkpoint, Device& device, Arena& arena, Faults& faults,
                              const FamilyList& known = {});
  // What build takes from its arena, repacked weights apart.
  static size_t arena_bytes(const Checkpoint& checkpoint);

  // ids (T) i32 on the device, rows of `batch`  ->  (T, dim), the input of the head. Rewinds the arena block by block
  // unless a recorder keeps activations. Looks at *cancel before every block and gives an empty Tensor when it is set.
  // Of n_layers layers the first, where that is less than there are.
  Tensor forward(Context& cx, Tensor ids, const Batch& batch, const bool* cancel, int32_t n_layers = kAllLayers) const;
  static constexpr int32_t kAllLayers = INT32_MAX;
  // hidden (T, dim)  ->  (T, dim), after the last norm: what the head reads, and embeddings are made of
  Tensor last_norm(Context& cx, Tensor hidden) const;
  // hidden (T, dim)  ->  logits (T, V). REQUIRES writes_text
  Tensor head(Context& cx, Tensor hidden) const;

  // The reduced head of one row, hidden (1, dim), where `device` screens it and logits are the products themselves: bounds of
  // them, and some in full (ops/ops.h).
  bool can_screen(const Device& device) const { return is_plain_head() && device.screens(output_.w); }
  bool is_plain_head() const { return writes_text() && output_.b.empty() && config_.logit_scale == 1 && config_.final_softcap <= 0; }
  ops::Screened screen(Context& cx, Tensor hidden) const { return ops::norm_screen(cx, hidden, output_norm_, output_.w); }
  Tensor head_groups(Context& cx, Tensor hidden, Tensor groups) const {
    return ops::norm_linear_groups(cx, hidden, output_norm_, output_.w, groups);
  }
  const Tensor& head_weight() const { return output_.w; }

  bool writes_text() const { return !output_.w.empty() && config_.causal; }  // false: an encoder
  const Config& config() const { return config_; }
  const StateLayout& state_layout() const { return state_; }
  std::string_view family() const { return family_; }
  bool all_float() const { return all_float_; }        // no quantised matrix: float linears may use FMA
  bool all_f32() const { return all_f32_; }
  size_t weight_bytes() const { return weight_bytes_; }
  std::span<const NamedWeight> weights() const { return weights_; }  // by name, as the device has them
  // Of its wiring, numbers, shapes and some weights, and of which rotary frequencies a stream of this context turns by.
  uint64_t fingerprint(int32_t context) const {
    return fingerprint_ ^ uint64_t(config_.rope_long_after > 0 && context > config_.rope_long_after);
  }

 private:
  Model() = default;
  void read_embedding(const BlockParts& parts);
  Tensor embed(Context& cx, Tensor ids, const Batch& batch) const;

  Config config_;
  StateLayout state_;
  std::string_view family_;
  bool all_float_ = true, all_f32_ = true;
  size_t weight_bytes_ = 0;
  uint64_t fingerprint_ = 0;
  std::span<const NamedWeight> weights_;
  Tensor embedding_;               // (V, dim)
  float embedding_scale_ = 1;
  Tensor positions_;               // (positions, dim), or empty
  int32_t n_carry_ = 0;            // columns of Context::carry; 0: none
  Tensor token_types_;             // (types, dim), or empty
  ops::NormWeights embedding_norm_;  // without weights: none
  std::span<const Block*> blocks_;
  std::span<int32_t> layer_ends_;  // by layer: the number of blocks up to its last
  ops::NormWeights output_norm_;
  ops::Linear output_;
};

}  // namespace synapse
