// From logits to the next token (docs/sampling.md gives every formula and its source). In order:
//   logit bias -> the stages of `chain` -> mirostat -> argmax(logit + Gumbel(seed, position, id))
// Stages penalise, cut off unlikely tokens or divide by the temperature; one whose setting is "off" does nothing.
// Temperature 0 is greedy: the largest logit after bias, penalties and DRY, ties to the lower id.
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "synapse/base/arena.h"

namespace synapse {

struct LogitBias {
  int32_t id;
  float bias;  // added; -inf forbids the token
};

enum class Stage : uint8_t { penalties, dry, top_n_sigma, top_k, typical, top_p, min_p, xtc, temperature };

// How llama.cpp calls them; its letters too.
struct StageName {
  std::string_view name;
  char letter;
  Stage stage;
};
inline constexpr StageName kStageNames[] = {
    {"penalties", 'e', Stage::penalties}, {"dry", 'd', Stage::dry},     {"top_n_sigma", 's', Stage::top_n_sigma},
    {"top_k", 'k', Stage::top_k},         {"typ_p", 'y', Stage::typical}, {"top_p", 'p', Stage::top_p},
    {"min_p", 'm', Stage::min_p},         {"xtc", 'x', Stage::xtc},     {"temperature", 't', Stage::temperature},
};
inline constexpr Stage kDefaultChain[] = {Stage::penalties, Stage::dry,   Stage::top_n_sigma, Stage::top_k,      Stage::typical,
                                          Stage::top_p,     Stage::min_p, Stage::xtc,         Stage::temperature};

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
  float typical_p = 1;          // in (0, 1]; 1: off
  float top_n_sigma = -1;       // standard deviations below the largest logit; <= 0: off
  float xtc_probability = 0;    // in [0, 1]; 0: off
  float xtc_threshold = 0.1f;   // in [0, 1]; above 0.5 there is never a second choice: off
  float dry_multiplier = 0;     // >= 0; 0: off
  float dry_base = 1.75f;       // >= 1
  int32_t dry_allowed_length = 2;              // repeated tokens that cost nothing, >= 0
  int32_t dry_last_n = -1;                     // tokens DRY looks back on; 0: off, -1: all
  std::span<const int32_t> dry_breakers;       // ids that no repetition reaches across, ascending
  int32_t mirostat = 0;         // 0: off, 2: version 2, in place of every other truncation
  float mirostat_tau = 5;       // the surprise aimed at, bits, >= 0
  float mirostat_eta = 0.1f;    // its learning rate, >= 0
  std::span<const Stage> chain = kDefaultChain;
  bool with_logprob = true;     // false: Pick's is 0, which saves a pass over the vocabulary
};

// What is wrong with the options, naming the one and its range.
Status check(const SamplerOptions& options, int32_t vocab_size);

// What a stream's sampler remembers from token to token.
inline constexpr float kMostShift = 1e6f;
struct SamplerState {
  float mirostat_shift = 0;  // mirostat's mu, less where it begins, 2 tau: bits, within +-kMostShift
};

struct Pick {
  int32_t id = -1;
  float logprob = 0;  // natural log of its probability in the model's own distribution (before the chain), when wanted
};

// Chooses for the token at `position` (ids before it are `history`, each in the vocabulary) and moves `state` on.
// `scratch` is rewound; it needs sampler_scratch_bytes(logits.size(), history.size()). An error when a logit is NaN or
// +inf, or every token is forbidden.
Result<Pick> sample(const SamplerOptions& options, std::span<const float> logits, std::span<const int32_t> history,
                    int64_t position, SamplerState& state, Arena& scratch);
size_t sampler_scratch_bytes(size_t vocab_size, size_t n_history);

// log softmax(logits)[id]
float log_probability(std::span<const float> logits, int32_t id);

}  // namespace synapse
