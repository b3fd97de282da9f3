// Logits of those tokens alone that a sampler can choose (docs/numerics.md, "Reduced head"): every token's is bounded from half
// of the head's bytes; those whose bound reaches what the best are known to have are computed in full. What is chosen is what
// all logits would have given, to the bit.
#pragma once
#include <optional>

#include "synapse/model/model.h"
#include "synapse/runtime/sampler.h"

namespace synapse {

// What a token must reach to be chosen: the logit of the n_best-th plus `above`, which is not positive; or, with noise, the best of
// logit / temperature + Gumbel noise.
struct ReachRule {
  int32_t n_best = 1;
  float above = 0;
  bool is_noisy = false;
  float temperature = 1;
};
// None where every logit counts: log-probabilities, mirostat, a truncation by mass or spread before top-k and min-p, more than
// kMostForced tokens that penalties or bias may change.
std::optional<ReachRule> reach_rule(const SamplerOptions& options, size_t n_history);
inline constexpr size_t kMostBest = 256, kMostForced = 1024;

// Logits (V) after `hidden` (1, dim), -inf where the sampler cannot choose; all of them where so many are needed that reading all
// is cheaper, which returns false.
// REQUIRES model.can_screen(cx.device). Takes of the arena of `cx` what plan_reduced_logits takes of a counting one.
Result<bool> reduced_logits(const Model& model, Context& cx, Tensor hidden, const SamplerOptions& options, const ReachRule& rule,
                               std::span<const int32_t> history, int64_t position, std::span<float> logits);
void plan_reduced_logits(const Model& model, Context& cx, Tensor hidden, size_t n_history);

}  // namespace synapse
