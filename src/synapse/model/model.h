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
  Tensor forward(Context& cx, Tensor ids, const Batch& batch, const bool* cancel) const;
  // hidden (T, dim)  ->  (T, dim), after the last norm: what the head reads, and embeddings are made of
  Tensor last_norm(Context& cx, Tensor hidden) const;
  // hidden (T, dim)  ->  logits (T, V). REQUIRES writes_text
  Tensor head(Context& cx, Tensor hidden) const;

  bool writes_text() const { return !output_.w.empty() && config_.causal; }  // false: an encoder
  const Config& config() const { return config_; }
  const StateLayout& state_layout() const { return state_; }
  std::string_view family() const { return family_; }
  bool all_float() const { return all_float_; }        // no quantised matrix: float linears may use FMA
  bool all_f32() const { return all_f32_; }
  size_t weight_bytes() const { return weight_bytes_; }
  uint64_t fingerprint() const { return fingerprint_; }  // of its numbers, shapes and some weights

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
  Tensor embedding_;               // (V, dim)
  float embedding_scale_ = 1;
  Tensor positions_;               // (positions, dim), or empty
  Tensor token_types_;             // (types, dim), or empty
  ops::NormWeights embedding_norm_;  // without weights: none
  std::span<const Block*> blocks_;
  ops::NormWeights output_norm_;
  ops::Linear output_;
};

}  // namespace synapse
