#include "sampler_cases.h"

#include "hex.h"
#include "synapse/base/rng.h"
#include "synapse/platform/platform.h"
#include "synapse/runtime/sampler.h"

namespace synapse::conformance {
namespace {

constexpr size_t kVocab = 2000;
constexpr int32_t kTokens = 60;

struct Case {
  std::string_view name;
  void (*set)(SamplerOptions&);
};

constexpr Stage kBackwards[] = {Stage::temperature, Stage::xtc,         Stage::min_p, Stage::top_p,    Stage::typical,
                                Stage::top_k,       Stage::top_n_sigma, Stage::dry,   Stage::penalties};
constexpr int32_t kBreakers[] = {3, 17};

constexpr Case kCases[] = {
    {"default", [](SamplerOptions&) {}},
    {"plain", [](SamplerOptions& o) { o.top_k = 0, o.top_p = 1, o.min_p = 0; }},
    {"top_p_of_all", [](SamplerOptions& o) { o.top_k = 0, o.top_p = 0.9f; }},
    {"typical", [](SamplerOptions& o) { o.top_k = 0, o.top_p = 1, o.typical_p = 0.7f; }},
    {"top_n_sigma", [](SamplerOptions& o) { o.top_k = 0, o.top_p = 1, o.temperature = 3, o.top_n_sigma = 2; }},
    {"xtc", [](SamplerOptions& o) { o.xtc_probability = 0.5f, o.xtc_threshold = 0.02f; }},
    {"penalties", [](SamplerOptions& o) { o.repeat_penalty = 1.2f, o.frequency_penalty = 0.1f, o.presence_penalty = 0.3f; }},
    {"dry", [](SamplerOptions& o) { o.temperature = 0.1f, o.dry_multiplier = 0.8f, o.dry_breakers = kBreakers; }},
    {"mirostat", [](SamplerOptions& o) { o.mirostat = 2, o.mirostat_tau = 3; }},
    {"backwards",
     [](SamplerOptions& o) {
       o.chain = kBackwards, o.typical_p = 0.9f, o.top_n_sigma = 3, o.xtc_probability = 0.3f, o.xtc_threshold = 0.05f;
       o.dry_multiplier = 0.5f, o.repeat_penalty = 1.1f;
     }},
};

// The tokens chosen one after another from logits that follow from the position, with runs that repeat.
Result<uint64_t> digest(const Case& c, std::span<float> logits, Arena& scratch) {
  SamplerOptions o;
  o.seed = 11;
  c.set(o);
  SamplerState state;
  int32_t ids[kTokens];
  uint64_t h = hash64(nullptr, 0);
  for (int32_t p = 0; p < kTokens; ++p) {
    for (size_t i = 0; i < kVocab; ++i) {
      const float a = random_unit(uint64_t(p % 7), i), b = random_unit(29, i);
      logits[i] = 12 * a * a * a + 3 * b;
    }
    SYN_TRY(pick, sample(o, logits, {ids, size_t(p)}, p, state, scratch));
    ids[p] = pick.id;
    h = hash64(&pick.id, sizeof pick.id, h);
    h = hash64(&pick.logprob, sizeof pick.logprob, h);
    h = hash64(&state, sizeof state, h);
  }
  return h;
}

}  // namespace

int32_t run_sampler_cases() {
  const size_t logit_bytes = kVocab * sizeof(float), scratch_bytes = sampler_scratch_bytes(kVocab, size_t(kTokens));
  auto memory = platform::Reservation::make(logit_bytes + scratch_bytes);
  if (!memory.ok()) return platform::log_line("no memory"), 1;
  uint8_t* at = memory->bytes().data();
  const std::span<float> logits(reinterpret_cast<float*>(at), kVocab);
  int32_t failed = 0;
  for (const Case& c : kCases) {
    Arena scratch(at + logit_bytes, scratch_bytes);
    const auto got = digest(c, logits, scratch);
    failed += !got.ok();
    platform::log_line(got.ok() ? Text<128>("digest sampler.", c.name, " ", hex(*got).view())
                                : Text<128>("FAILED sampler.", c.name, ": ", got.status().message()));
  }
  return failed;
}

}  // namespace synapse::conformance
