// From logits to the next token. The chain, in this order, as docs/sampling.md explains:
//   logit bias -> repetition, frequency and presence penalties -> top-k -> top-p -> min-p
//   -> argmax(logit / T + Gumbel(seed, position, id))
// Truncations look at the distribution at temperature 1. Temperature 0 is greedy: the largest logit after
// bias and penalties, ties to the lower id.
#pragma once
#include <cstdint>
#include <span>

#include "synapse/base/arena.h"

namespace synapse {

struct LogitBias {
  int32_t id;
  float bias;  // added; -inf forbids the token
};

struct SamplerOptions {
  float temperature = 0.8f;     // >= 0
  int32_t top_k = 40;           // <= 0: all
  float top_p = 0.95f;          // in (0, 1]; 1: off
  float min_p = 0.05f;          // in [0, 1]; 0: off
  float repeat_penalty = 1.0f;  // > 0; divides positive, multiplies negative logits of recent tokens; 1: off
  float frequency_penalty = 0;  // subtracted once per occurrence
  float presence_penalty = 0;   // subtracted once
  int32_t repeat_last_n = 64;   // tokens the penalties look back on; 0: off, -1: all
  std::span<const LogitBias> bias;
  uint64_t seed = 0;
};

// What is wrong with the options, naming the one and its range.
Status check(const SamplerOptions& options, int32_t vocab_size);

struct Pick {
  int32_t id = -1;
  float logprob = 0;  // natural log of its probability in the model's own distribution (before the chain)
};

// Chooses for the token at `position` (ids before it are `history`). `scratch` is rewound; it needs
// sampler_scratch_bytes(logits.size()). An error when a logit is not a number or every token is forbidden.
Result<Pick> sample(const SamplerOptions& options, std::span<const float> logits, std::span<const int32_t> history,
                    int64_t position, Arena& scratch);
size_t sampler_scratch_bytes(size_t vocab_size);

// log softmax(logits)[id]
float log_probability(std::span<const float> logits, int32_t id);

}  // namespace synapse
