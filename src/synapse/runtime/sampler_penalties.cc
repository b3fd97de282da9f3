// Stages that make recent tokens less likely: repetition, frequency and presence penalties, and DRY.
#include <algorithm>
#include <limits>

#include "synapse/base/math.h"
#include "synapse/runtime/sampler_stages.h"

namespace synapse {
namespace {

constexpr float kLowest = std::numeric_limits<float>::lowest();

std::span<const int32_t> last_of(std::span<const int32_t> history, int32_t n) {
  return n < 0 ? history : history.last(std::min(history.size(), size_t(n)));
}

// Logits have changed: a list that was best first is again.
void changed(Candidates& c) {
  if (!c.is_sorted) return;
  c.is_sorted = false;
  sort(c);
}

// How far `a` repeats itself at each offset, read backwards from its end: lengths[i] is the number of tokens that are
// the same before a.size() and before a.size() - i. The Z algorithm (Gusfield 1997, 1.3), linear in the length.
void repeat_lengths(std::span<const int32_t> a, std::span<int32_t> lengths) {
  const size_t n = a.size();
  const auto back = [&](size_t i) { return a[n - 1 - i]; };
  size_t left = 0, right = 0;  // the match that reaches furthest: [left, right)
  for (size_t i = 1; i < n; ++i) {
    size_t same = i < right ? std::min(right - i, size_t(lengths[i - left])) : 0;
    while (i + same < n && back(same) == back(i + same)) ++same;
    lengths[i] = int32_t(same);
    if (i + same > right) left = i, right = i + same;
  }
}

}  // namespace

size_t penalty_scratch_bytes(size_t vocab_size, size_t n_history) {
  return (vocab_size + n_history) * sizeof(int32_t) + 2 * Arena::kAlign;
}

Status penalise_repeats(Candidates& c, const SamplerOptions& o, std::span<const int32_t> history, size_t vocab_size,
                        Arena& scratch) {
  const auto recent = last_of(history, o.repeat_last_n);
  if (recent.empty() || (o.repeat_penalty == 1 && o.frequency_penalty == 0 && o.presence_penalty == 0)) return {};
  const size_t mark = scratch.mark();
  SYN_TRY(counts, scratch.zeroed<int32_t>(vocab_size, "sampler"));
  for (int32_t id : recent) ++counts[size_t(id)];
  for (Candidate& x : c.list) {
    const int32_t count = counts[size_t(x.id)];
    if (!count) continue;
    x.logit = x.logit > 0 ? x.logit / o.repeat_penalty : x.logit * o.repeat_penalty;
    x.logit -= float(count) * o.frequency_penalty + o.presence_penalty;
    x.logit = std::clamp(x.logit, kLowest, -kLowest);
  }
  changed(c);
  scratch.rewind(mark);
  return {};
}

// A token that would continue a repetition of the last m tokens loses multiplier * base^(m - allowed).
Status penalise_sequences(Candidates& c, const SamplerOptions& o, std::span<const int32_t> history, size_t vocab_size,
                          Arena& scratch) {
  const auto recent = last_of(history, o.dry_last_n);
  if (o.dry_multiplier <= 0 || recent.size() < 2) return {};
  const auto is_breaker = [&](int32_t id) { return std::binary_search(o.dry_breakers.begin(), o.dry_breakers.end(), id); };
  size_t reach = 0;  // tokens since the last breaker
  while (reach < recent.size() && !is_breaker(recent[recent.size() - 1 - reach])) ++reach;

  const size_t mark = scratch.mark();
  SYN_TRY(longest, scratch.zeroed<int32_t>(vocab_size, "sampler"));  // 1 + the longest repetition that the id continues
  SYN_TRY(lengths, scratch.zeroed<int32_t>(recent.size(), "sampler"));
  repeat_lengths(recent, lengths);
  for (size_t i = 1; i < recent.size(); ++i) {
    const int32_t length = std::min(lengths[i], int32_t(reach));
    int32_t& most = longest[size_t(recent[recent.size() - i])];
    if (length >= o.dry_allowed_length) most = std::max(most, length + 1);
  }
  const double log_base = log_f64(double(o.dry_base));
  for (Candidate& x : c.list) {
    const int32_t length = longest[size_t(x.id)] - 1;
    if (length < 0 || is_breaker(x.id)) continue;
    const double power = exp_f64(std::min(double(length - o.dry_allowed_length) * log_base, 700.0));
    x.logit = float(std::max(double(x.logit) - double(o.dry_multiplier) * power, double(kLowest)));
  }
  changed(c);
  scratch.rewind(mark);
  return {};
}

}  // namespace synapse
