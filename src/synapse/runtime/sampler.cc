#include "synapse/runtime/sampler.h"

#include <algorithm>
#include <bit>
#include <limits>

#include "synapse/base/math.h"
#include "synapse/base/rng.h"
#include "synapse/runtime/sampler_stages.h"

namespace synapse {
namespace {

constexpr float kForbidden = -std::numeric_limits<float>::infinity();
constexpr uint64_t kXtcCoin = uint64_t(1) << 40;  // beyond every token id

// Every token that is not forbidden, by id.
Result<Candidates> gather(const SamplerOptions& o, std::span<const float> logits, Arena& scratch) {
  const size_t V = logits.size();
  Candidate* all = scratch.array<Candidate>(V);
  if (!all) return fail(Code::out_of_memory, "sampler: a vocabulary of ", V, " does not fit its scratch");
  constexpr size_t kRun = 16;  // of a reduced head most runs are forbidden
  bool is_finite = true;
  size_t n = 0;
  for (size_t first = 0; first < V; first += kRun) {
    const auto run = logits.subspan(first, std::min(kRun, V - first));
    uint32_t differs = 0;
    for (const float x : run) differs |= std::bit_cast<uint32_t>(x) ^ std::bit_cast<uint32_t>(kForbidden);
    if (!differs) continue;
    for (size_t i = 0; i < run.size(); ++i) {
      is_finite &= run[i] <= std::numeric_limits<float>::max();
      all[n] = {run[i], int32_t(first + i)};
      n += run[i] != kForbidden;
    }
  }
  for (size_t i = 0; i < V && !is_finite; ++i) {
    if (logits[i] != logits[i]) return fail(Code::corrupt, "logit of id ", i, ": not a number");
    if (logits[i] > std::numeric_limits<float>::max()) return fail(Code::corrupt, "logit of id ", i, ": infinite");
  }
  Candidates c{{all, n}};
  add_bias(c, o.bias);
  if (c.list.empty()) return fail(Code::invalid, "sampler: every token is forbidden");
  return c;
}

// One stage. With temperature 0 or mirostat the truncations have no part.
Status apply(Stage stage, const SamplerOptions& o, Candidates& c, std::span<const int32_t> history, size_t vocab_size,
             uint64_t stream, Arena& scratch) {
  if (stage == Stage::penalties) return penalise_repeats(c, o, history, vocab_size, scratch);
  if (stage == Stage::dry) return penalise_sequences(c, o, history, vocab_size, scratch);
  if (o.temperature == 0) return {};
  if (stage == Stage::temperature) divide(c, o.temperature);
  if (o.mirostat) return {};
  switch (stage) {
    case Stage::top_n_sigma: keep_top_n_sigma(c, o.top_n_sigma); break;
    case Stage::top_k: keep_top_k(c, o.top_k); break;
    case Stage::typical: keep_typical(c, o.typical_p); break;
    case Stage::top_p: keep_top_p(c, o.top_p); break;
    case Stage::min_p: keep_min_p(c, o.min_p); break;
    case Stage::xtc:
      if (random_unit(stream, kXtcCoin) < o.xtc_probability) exclude_top_choices(c, o.xtc_threshold);
      break;
    case Stage::penalties:
    case Stage::dry:
    case Stage::temperature: break;
  }
  return {};
}

// Drawn from the softmax of what is left (Gumbel 1954; Maddison, Tarlow and Minka 2014).
int32_t draw(const Candidates& c, uint64_t stream) {
  Candidate chosen = {std::numeric_limits<float>::lowest(), std::numeric_limits<int32_t>::max()};
  for (const Candidate& x : c.list) {
    if (x.logit + kMostNoise < chosen.logit) continue;
    const Candidate noisy = {x.logit + gumbel(stream, x.id), x.id};
    if (better(noisy, chosen)) chosen = noisy;
  }
  return chosen.id;
}

// Mirostat 2 (Basu et al. 2021): what is more surprising than mu goes; mu moves towards the aim.
int32_t draw_mirostat(const SamplerOptions& o, Candidates& c, uint64_t stream, SamplerState& state) {
  keep_surprise(c, 2 * o.mirostat_tau + state.mirostat_shift);
  const int32_t id = draw(c, stream);
  const Mass m = mass(c);
  const auto chosen = std::find_if(c.list.begin(), c.list.end(), [&](const Candidate& x) { return x.id == id; });
  const double surprise = (log_f64(m.total) + double(m.largest) - double(chosen->logit)) / kLn2;
  const double shift = double(state.mirostat_shift) - double(o.mirostat_eta) * (surprise - double(o.mirostat_tau));
  state.mirostat_shift = float(std::clamp(shift, -double(kMostShift), double(kMostShift)));
  return id;
}

}  // namespace

uint64_t noise_stream(uint64_t seed, int64_t position) { return random_bits(seed, uint64_t(position)); }

// -log(-log u), u in (0, 1)
float gumbel(uint64_t stream, int32_t id) {
  const uint64_t bits = random_bits(stream, uint64_t(id));
  const float u = (float(bits >> 40) + 0.5f) * (1.0f / 16777216.0f);
  return -log_f32(-log_f32(u));
}

void add_bias(Candidates& c, std::span<const LogitBias> bias) {
  if (bias.empty()) return;
  for (const LogitBias& b : bias) {
    const auto at = std::lower_bound(c.list.begin(), c.list.end(), b.id, [](const Candidate& x, int32_t id) { return x.id < id; });
    if (at != c.list.end() && at->id == b.id) at->logit += b.bias;
  }
  const auto end = std::remove_if(c.list.begin(), c.list.end(), [](const Candidate& x) { return x.logit == kForbidden; });
  c.list = c.list.first(size_t(end - c.list.begin()));
}

Status check(const SamplerOptions& o, int32_t vocab_size) {
  constexpr double kMost = 1e6;
  const struct {
    const char* name;
    double value, least, most;
    bool is_above;  // `least` itself is too little
  } ranges[] = {
      {"temperature", double(o.temperature), 0, kMost, false},
      {"top-p", double(o.top_p), 0, 1, true},
      {"min-p", double(o.min_p), 0, 1, false},
      {"typical", double(o.typical_p), 0, 1, true},
      {"top-nsigma", double(o.top_n_sigma), -kMost, kMost, false},
      {"xtc-probability", double(o.xtc_probability), 0, 1, false},
      {"xtc-threshold", double(o.xtc_threshold), 0, 1, false},
      {"repeat-penalty", double(o.repeat_penalty), 0, kMost, true},
      {"frequency-penalty", double(o.frequency_penalty), -kMost, kMost, false},
      {"presence-penalty", double(o.presence_penalty), -kMost, kMost, false},
      {"repeat-last-n", double(o.repeat_last_n), -1, 2147483647, false},
      {"dry-multiplier", double(o.dry_multiplier), 0, kMost, false},
      {"dry-base", double(o.dry_base), 1, kMost, false},
      {"dry-allowed-length", double(o.dry_allowed_length), 0, 2147483647, false},
      {"dry-penalty-last-n", double(o.dry_last_n), -1, 2147483647, false},
      {"mirostat-ent", double(o.mirostat_tau), 0, kMost, false},
      {"mirostat-lr", double(o.mirostat_eta), 0, kMost, false},
  };
  for (const auto& r : ranges) {
    if (r.value <= r.most && (r.is_above ? r.value > r.least : r.value >= r.least)) continue;
    return fail(Code::invalid, r.name, ": ", r.value, r.is_above ? ", wanted above " : ", wanted at least ", r.least,
                " and at most ", r.most);
  }
  if (o.mirostat != 0 && o.mirostat != 2) return fail(Code::invalid, "mirostat: ", o.mirostat, ", wanted 0 or 2");
  if (!std::is_sorted(o.dry_breakers.begin(), o.dry_breakers.end()))
    return fail(Code::invalid, "dry-sequence-breaker: ids not in ascending order");
  for (const LogitBias& b : o.bias) {
    if (b.id < 0 || b.id >= vocab_size) return fail(Code::invalid, "logit-bias: id ", b.id, ", the vocabulary has ", vocab_size);
    if (!(double(b.bias) <= kMost)) return fail(Code::invalid, "logit-bias: ", double(b.bias), " for id ", b.id, ", wanted a number or -inf");
  }
  return {};
}

size_t sampler_scratch_bytes(size_t vocab_size, size_t n_history) {
  return vocab_size * sizeof(Candidate) + Arena::kAlign + penalty_scratch_bytes(vocab_size, n_history);
}

float log_probability(std::span<const float> logits, int32_t id) {
  float most = kForbidden;
  for (float x : logits) most = std::max(most, x);
  double sum = 0;
  for (float x : logits) sum += double(exp_f32(x - most));
  return float(double(logits[size_t(id)]) - double(most) - log_f64(sum));
}

Result<Pick> sample(const SamplerOptions& o, std::span<const float> logits, std::span<const int32_t> history,
                    int64_t position, SamplerState& state, Arena& scratch) {
  SYN_RETURN_IF_ERROR(check(o, int32_t(logits.size())));
  const size_t mark = scratch.mark();
  const uint64_t stream = noise_stream(o.seed, position);
  SYN_TRY(c, gather(o, logits, scratch));
  for (Stage stage : o.chain) SYN_RETURN_IF_ERROR(apply(stage, o, c, history, logits.size(), stream, scratch));
  const int32_t id = o.temperature == 0 ? best(c).id
                     : o.mirostat       ? draw_mirostat(o, c, stream, state)
                                        : draw(c, stream);
  scratch.rewind(mark);
  return Pick{id, o.with_logprob ? log_probability(logits, id) : 0};
}

}  // namespace synapse
