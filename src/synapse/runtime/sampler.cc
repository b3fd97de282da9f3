#include "synapse/runtime/sampler.h"

#include <algorithm>
#include <limits>

#include "synapse/base/math.h"
#include "synapse/base/rng.h"

namespace synapse {
namespace {

constexpr float kForbidden = -std::numeric_limits<float>::infinity();

struct Candidate {
  float logit;
  int32_t id;
};

// Best first; ties to the lower id.
bool better(const Candidate& a, const Candidate& b) { return a.logit != b.logit ? a.logit > b.logit : a.id < b.id; }

Status out_of_range(std::string_view name, double found, std::string_view wanted) {
  return fail(Code::invalid, name, ": ", found, ", wanted ", wanted);
}

// Penalises in place what `history` holds within its last n.
void penalise(const SamplerOptions& o, std::span<float> logits, std::span<const int32_t> history, std::span<int32_t> counts) {
  const size_t n = o.repeat_last_n < 0 ? history.size() : std::min(history.size(), size_t(o.repeat_last_n));
  const auto recent = history.last(n);
  for (int32_t id : recent) ++counts[size_t(id)];
  for (int32_t id : recent) {
    int32_t& count = counts[size_t(id)];
    if (!count) continue;  // done already
    float& logit = logits[size_t(id)];
    logit = logit > 0 ? logit / o.repeat_penalty : logit * o.repeat_penalty;
    logit -= float(count) * o.frequency_penalty + o.presence_penalty;
    count = 0;
  }
}

// Keeps the smallest prefix whose probabilities sum to top_p. REQUIRES best first.
size_t keep_top_p(std::span<const Candidate> c, float top_p) {
  float total = 0;
  for (const Candidate& x : c) total += exp_f32(x.logit - c[0].logit);
  float sum = 0;
  for (size_t i = 0; i < c.size(); ++i) {
    sum += exp_f32(c[i].logit - c[0].logit) / total;
    if (sum >= top_p) return i + 1;
  }
  return c.size();
}

// Standard Gumbel noise of a token at a position: -log(-log u), u in (0, 1).
float gumbel(uint64_t seed, int64_t position, int32_t id) {
  const uint64_t bits = random_bits(random_bits(seed, uint64_t(position)), uint64_t(id));
  const float u = (float(bits >> 40) + 0.5f) * (1.0f / 16777216.0f);
  return -log_f32(-log_f32(u));
}

}  // namespace

Status check(const SamplerOptions& o, int32_t vocab_size) {
  constexpr float kMost = 1e6f;
  if (!(o.temperature >= 0 && o.temperature <= kMost)) return out_of_range("temperature", double(o.temperature), "0 or more");
  if (!(o.top_p > 0 && o.top_p <= 1)) return out_of_range("top-p", double(o.top_p), "above 0, at most 1");
  if (!(o.min_p >= 0 && o.min_p <= 1)) return out_of_range("min-p", double(o.min_p), "0 to 1");
  if (!(o.repeat_penalty > 0 && o.repeat_penalty <= kMost))
    return out_of_range("repeat-penalty", double(o.repeat_penalty), "above 0");
  if (!(o.frequency_penalty >= -kMost && o.frequency_penalty <= kMost))
    return out_of_range("frequency-penalty", double(o.frequency_penalty), "a number");
  if (!(o.presence_penalty >= -kMost && o.presence_penalty <= kMost))
    return out_of_range("presence-penalty", double(o.presence_penalty), "a number");
  if (o.repeat_last_n < -1) return out_of_range("repeat-last-n", o.repeat_last_n, "-1 or more");
  for (const LogitBias& b : o.bias) {
    if (b.id < 0 || b.id >= vocab_size) return fail(Code::invalid, "logit-bias: id ", b.id, ", the vocabulary has ", vocab_size);
    if (!(b.bias <= kMost)) return fail(Code::invalid, "logit-bias: ", double(b.bias), " for id ", b.id, ", wanted a number or -inf");
  }
  return {};
}

size_t sampler_scratch_bytes(size_t vocab_size) {
  return vocab_size * (sizeof(float) + sizeof(int32_t) + sizeof(Candidate)) + 4 * Arena::kAlign;
}

float log_probability(std::span<const float> logits, int32_t id) {
  float most = kForbidden;
  for (float x : logits) most = std::max(most, x);
  double sum = 0;
  for (float x : logits) sum += double(exp_f32(x - most));
  return float(double(logits[size_t(id)]) - double(most) - log_f64(sum));
}

Result<Pick> sample(const SamplerOptions& o, std::span<const float> logits, std::span<const int32_t> history,
                    int64_t position, Arena& scratch) {
  SYN_RETURN_IF_ERROR(check(o, int32_t(logits.size())));
  const size_t mark = scratch.mark(), V = logits.size();
  SYN_TRY(counts, scratch.zeroed<int32_t>(V, "sampler"));
  float* own = scratch.array<float>(V);
  Candidate* all = scratch.array<Candidate>(V);
  if (!own || !all) return fail(Code::out_of_memory, "sampler: a vocabulary of ", V, " does not fit its scratch");
  std::copy(logits.begin(), logits.end(), own);
  for (const LogitBias& b : o.bias) own[b.id] += b.bias;
  if (o.repeat_last_n != 0 && (o.repeat_penalty != 1 || o.frequency_penalty != 0 || o.presence_penalty != 0))
    penalise(o, {own, V}, history, counts);

  size_t n = 0;
  for (size_t i = 0; i < V; ++i) {
    if (own[i] != own[i]) return fail(Code::corrupt, "logit of id ", i, ": not a number");
    if (own[i] > kForbidden) all[n++] = {own[i], int32_t(i)};
  }
  if (n == 0) return fail(Code::invalid, "sampler: every token is forbidden");
  std::span<Candidate> c(all, n);

  int32_t chosen;
  if (o.temperature == 0) {
    chosen = std::min_element(c.begin(), c.end(), better)->id;
  } else {
    if (o.top_k > 0 && size_t(o.top_k) < c.size()) {
      std::nth_element(c.begin(), c.begin() + o.top_k - 1, c.end(), better);
      c = c.first(size_t(o.top_k));
    }
    if (o.top_p < 1) {
      std::sort(c.begin(), c.end(), better);
      c = c.first(keep_top_p(c, o.top_p));
    }
    if (o.min_p > 0) {
      const float least = std::min_element(c.begin(), c.end(), better)->logit + log_f32(o.min_p);
      c = c.first(size_t(std::partition(c.begin(), c.end(), [=](const Candidate& x) { return x.logit >= least; }) - c.begin()));
    }
    for (Candidate& x : c) x.logit = x.logit / o.temperature + gumbel(o.seed, position, x.id);
    chosen = std::min_element(c.begin(), c.end(), better)->id;
  }
  scratch.rewind(mark);
  return Pick{chosen, log_probability(logits, chosen)};
}

}  // namespace synapse
