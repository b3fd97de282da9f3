// The stages of the sampler's chain, each a function on the tokens still in play.
//
// The list is in one of two orders, so that sums over it are the same on every target: by ascending id, or best first.
// Stages keep the order or end with best first. Logits are finite.
#pragma once
#include "synapse/runtime/sampler.h"

namespace synapse {

inline constexpr double kLn2 = 0.69314718055994531;

struct Candidate {
  float logit;
  int32_t id;
};

struct Candidates {
  std::span<Candidate> list;  // never empty
  bool is_sorted = false;     // best first
};

// Best first; ties to the lower id.
inline bool better(const Candidate& a, const Candidate& b) { return a.logit != b.logit ? a.logit > b.logit : a.id < b.id; }
const Candidate& best(const Candidates& c);
void sort(Candidates& c);

// sum of exp(logit - largest), in the list's order
struct Mass {
  float largest;
  double total;
};
Mass mass(const Candidates& c);

// sampler.cc: standard Gumbel noise of a token, at most kMostNoise; `stream` is noise_stream of the seed and the position.
inline constexpr float kMostNoise = 17.4f;  // -log(-log u) of the largest u is 17.33
uint64_t noise_stream(uint64_t seed, int64_t position);
float gumbel(uint64_t stream, int32_t id);
// What `bias` adds, to those of its ids that are there; the list is by id. Tokens forbidden go.
void add_bias(Candidates& c, std::span<const LogitBias> bias);

// sampler_truncate.cc
void keep_top_k(Candidates& c, int32_t k);
void keep_top_p(Candidates& c, float p);
void keep_typical(Candidates& c, float p);
void keep_min_p(Candidates& c, float p);
void keep_top_n_sigma(Candidates& c, float n);
void keep_surprise(Candidates& c, float bits);  // at most that surprising; at least the best
void exclude_top_choices(Candidates& c, float threshold);
void divide(Candidates& c, float temperature);
float divided(float logit, float temperature);  // as divide does

// sampler_penalties.cc. Scratch is rewound; an error when it is too small.
size_t penalty_scratch_bytes(size_t vocab_size, size_t n_history);
Status penalise_repeats(Candidates& c, const SamplerOptions& o, std::span<const int32_t> history, size_t vocab_size, Arena& scratch);
Status penalise_sequences(Candidates& c, const SamplerOptions& o, std::span<const int32_t> history, size_t vocab_size, Arena& scratch);

}  // namespace synapse
