#include "synapse/runtime/reduced_head.h"

#include <algorithm>
#include <limits>

#include "synapse/base/math.h"
#include "synapse/runtime/sampler_stages.h"

namespace synapse {
namespace {

constexpr float kForbidden = -std::numeric_limits<float>::infinity();
constexpr double kMostShare = 0.4;  // of the groups in full; the screen has read as much as half of them
constexpr int32_t kGroup = 16, kFirstGroups = 8;  // read in full before anything is known

std::span<const int32_t> last_of(std::span<const int32_t> history, int32_t n) {
  return n < 0 ? history : history.last(std::min<size_t>(history.size(), size_t(n)));
}
bool penalises_repeats(const SamplerOptions& o) {
  return o.repeat_last_n != 0 && (o.repeat_penalty != 1 || o.frequency_penalty != 0 || o.presence_penalty != 0);
}
bool penalises_sequences(const SamplerOptions& o) { return o.dry_last_n != 0 && o.dry_multiplier > 0; }

// Calls f(id) for every token whose logit penalties or bias may change.
template <typename F>
void for_each_forced(const SamplerOptions& o, std::span<const int32_t> history, F&& f) {
  for (const LogitBias& b : o.bias) f(b.id);
  if (penalises_repeats(o)) std::ranges::for_each(last_of(history, o.repeat_last_n), f);
  if (penalises_sequences(o)) std::ranges::for_each(last_of(history, o.dry_last_n), f);
}
size_t most_forced(const SamplerOptions& o, size_t n_history) {
  const auto window = [&](int32_t n) { return n < 0 ? n_history : std::min<size_t>(n_history, size_t(n)); };
  return o.bias.size() + (penalises_repeats(o) ? window(o.repeat_last_n) : 0) + (penalises_sequences(o) ? window(o.dry_last_n) : 0);
}

// What an option can cut off alone, before anything looks at more than the best: of the rules below.
bool is_cut(Stage stage, const SamplerOptions& o) {
  return o.temperature > 0 && ((stage == Stage::top_k && o.top_k > 0) || (stage == Stage::min_p && o.min_p > 0));
}

size_t groups_of(const Model& model) { return size_t((model.config().vocab_size + kGroup - 1) / kGroup); }
size_t most_first(size_t n_groups) { return std::min<size_t>(n_groups, kMostBest + kMostForced); }

// What the search keeps on the host.
struct Room {
  float* best;           // (groups)
  float* most;           // (groups)
  int32_t* groups;       // (groups): those of the next call
  bool* is_known;        // (groups)
  float* first;          // (most_first, 16)
  Candidate* candidates; // those of the first groups

  static Room take(const Model& model, Arena& arena) {
    const size_t n = groups_of(model), n_first = most_first(n);
    return {arena.array<float>(n), arena.array<float>(n), arena.array<int32_t>(n), arena.array<bool>(n), arena.array<float>(n_first * kGroup),
            arena.array<Candidate>(n_first * kGroup)};
  }
};

// The indices of the n largest values, in any order.
size_t largest(std::span<const float> values, size_t n, int32_t* to) {
  size_t count = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    if (count == n && values[i] <= values[size_t(to[count - 1])]) continue;
    size_t at = count < n ? count++ : count - 1;
    for (; at > 0 && values[size_t(to[at - 1])] < values[i]; --at) to[at] = to[at - 1];
    to[at] = int32_t(i);
  }
  return count;
}

class Search {
 public:
  Search(const Model& model, Context& cx, Tensor hidden, const SamplerOptions& o, const ReachRule& rule, int64_t position, std::span<float> logits)
      : model_(model), cx_(cx), hidden_(hidden), o_(o), rule_(rule), position_(position), noise_(noise_stream(o.seed, position)), logits_(logits),
        n_groups_(groups_of(model)) {}

  Result<bool> run(std::span<const int32_t> history) {
    const ops::Screened bounds = model_.screen(cx_, hidden_);
    room_ = Room::take(model_, cx_.arena);
    cx_.device.wait();
    cx_.device.read(room_.best, bounds.best);
    cx_.device.read(room_.most, bounds.most);
    if (rule_.is_noisy) cx_.device.read(logits_.data(), bounds.upper);
    const size_t n_first = first_groups(history);
    const Tensor first = compute(n_first);
    std::copy_n(room_.groups, n_first, first_groups_);
    cx_.device.read(room_.first, first);
    SYN_TRY(reach, reach_of(history, n_first));
    const size_t n_more = groups_within(reach);
    if (double(n_first + n_more) > kMostShare * double(n_groups_)) return all();
    const Tensor more = compute(n_more);
    std::fill(logits_.begin(), logits_.end(), kForbidden);
    SYN_RETURN_IF_ERROR(scatter(first, first_groups_, n_first));
    SYN_RETURN_IF_ERROR(scatter(more, room_.groups, n_more));
    return true;
  }

 private:
  Result<bool> all() {
    const Tensor y = model_.head(cx_, hidden_);
    cx_.device.wait();
    cx_.device.read(logits_.data(), y);
    for (float logit : logits_) SYN_RETURN_IF_ERROR(check(logit));
    return false;
  }

  // Those with the largest estimates, and those of all tokens that penalties or bias change; ascending.
  size_t first_groups(std::span<const int32_t> history) {
    size_t n = largest({room_.best, n_groups_}, std::min<size_t>(n_groups_, size_t(std::max(rule_.n_best, kFirstGroups))), room_.groups);
    std::fill_n(room_.is_known, n_groups_, false);
    for (size_t i = 0; i < n; ++i) room_.is_known[room_.groups[i]] = true;
    for_each_forced(o_, history, [&](int32_t id) {
      bool& is_known = room_.is_known[id / kGroup];
      if (!is_known) room_.groups[n++] = id / kGroup;
      is_known = true;
    });
    std::sort(room_.groups, room_.groups + n, [](int32_t a, int32_t b) { return a < b; });
    return n;
  }

  Tensor compute(size_t n) {
    if (n == 0) return {};
    const Tensor groups = cx_.make(DType::i32, {int32_t(n)});
    cx_.device.write(groups, room_.groups);
    const Tensor y = model_.head_groups(cx_, hidden_, groups);
    cx_.device.wait();
    return y;
  }

  // What a token that is not among the first must reach; -inf when they are too few.
  Result<float> reach_of(std::span<const int32_t> history, size_t n_first) {
    Candidates c{{room_.candidates, 0}};
    for (size_t i = 0; i < n_first; ++i)
      for (int32_t k = 0; k < kGroup; ++k) {
        const int32_t id = first_groups_[i] * kGroup + k;
        const float logit = room_.first[i * kGroup + size_t(k)];
        if (size_t(id) >= logits_.size()) break;
        SYN_RETURN_IF_ERROR(check(logit));
        room_.candidates[n_candidates_++] = {logit, id};
      }
    c.list = {room_.candidates, n_candidates_};
    add_bias(c, o_.bias);
    for (const Stage stage : o_.chain) {
      if (is_cut(stage, o_)) break;
      if (stage == Stage::penalties) SYN_RETURN_IF_ERROR(penalise_repeats(c, o_, history, logits_.size(), cx_.arena));
      if (stage == Stage::dry) SYN_RETURN_IF_ERROR(penalise_sequences(c, o_, history, logits_.size(), cx_.arena));
      if (stage == Stage::temperature && rule_.is_noisy) divide(c, o_.temperature);
    }
    if (c.list.size() < size_t(rule_.n_best)) return kForbidden;
    if (!rule_.is_noisy) {
      std::nth_element(c.list.begin(), c.list.begin() + (rule_.n_best - 1), c.list.end(), better);
      return c.list[size_t(rule_.n_best) - 1].logit + rule_.above;
    }
    float most = kForbidden;
    for (const Candidate& x : c.list) most = std::max(most, x.logit + gumbel(noise_, x.id));
    return most;
  }

  Status check(float logit) const {
    if (logit - logit == 0) return {};
    return fail(Code::corrupt, "logits of position ", position_, ": one is ", double(logit), " (damaged weights or cache)");
  }

  // The other groups of which a bound reaches so far. What compares with nothing is damaged, and reaches.
  size_t groups_within(float reach) {
    size_t n = 0;
    for (size_t group = 0; group < n_groups_; ++group) {
      const float most = room_.most[group];
      if (room_.is_known[group] || (rule_.is_noisy ? divided(most, rule_.temperature) + kMostNoise : most) < reach) continue;
      if (!rule_.is_noisy || any_reaches(group, reach)) room_.groups[n++] = int32_t(group);
    }
    return n;
  }

  // With the noise of each token; logits_ holds the bounds.
  bool any_reaches(size_t group, float reach) const {
    for (size_t id = group * kGroup; id < std::min<size_t>((group + 1) * kGroup, logits_.size()); ++id) {
      const float x = divided(logits_[id], rule_.temperature);
      if (!(x + kMostNoise < reach) && !(x + gumbel(noise_, int32_t(id)) < reach)) return true;
    }
    return false;
  }

  Status scatter(const Tensor& values, const int32_t* groups, size_t n) {
    for (size_t i = 0; i < n; ++i) {
      const size_t first = size_t(groups[i]) * kGroup, count = std::min<size_t>(kGroup, logits_.size() - first);
      const auto row = logits_.subspan(first, count);
      cx_.device.read(row.data(), make_tensor(static_cast<float*>(values.data) + i * kGroup, DType::f32, {int32_t(count)}));
      for (float logit : row) SYN_RETURN_IF_ERROR(check(logit));
    }
    return {};
  }

  const Model& model_;
  Context& cx_;
  Tensor hidden_;
  const SamplerOptions& o_;
  ReachRule rule_;
  int64_t position_;
  uint64_t noise_;
  std::span<float> logits_;  // with noise bounds at first
  size_t n_groups_, n_candidates_ = 0;
  Room room_ = {};
  int32_t first_groups_[kMostBest + kMostForced];
};

}  // namespace

std::optional<ReachRule> reach_rule(const SamplerOptions& o, size_t n_history) {
  if (o.with_logprob || most_forced(o, n_history) > kMostForced) return {};
  if (o.temperature == 0) return ReachRule{};
  if (o.mirostat) return {};
  ReachRule noise{.is_noisy = true};
  for (const Stage stage : o.chain) {
    const bool looks_at_all = (stage == Stage::top_n_sigma && o.top_n_sigma > 0) || (stage == Stage::typical && o.typical_p < 1) ||
                              (stage == Stage::top_p && o.top_p < 1) || (stage == Stage::xtc && o.xtc_probability > 0);
    const bool divides = stage == Stage::temperature && o.temperature != 1;
    if (looks_at_all || ((divides || is_cut(stage, o)) && noise.temperature != 1)) return {};
    if (divides) noise.temperature = o.temperature;
    if (!is_cut(stage, o)) continue;
    if (stage == Stage::min_p) return ReachRule{.above = log_f32(o.min_p)};
    if (size_t(o.top_k) > kMostBest) return {};
    return ReachRule{.n_best = o.top_k};
  }
  return noise;
}

Result<bool> reduced_logits(const Model& model, Context& cx, Tensor hidden, const SamplerOptions& o, const ReachRule& rule,
                               std::span<const int32_t> history, int64_t position, std::span<float> logits) {
  return Search(model, cx, hidden, o, rule, position, logits).run(history);
}

void plan_reduced_logits(const Model& model, Context& cx, Tensor hidden, size_t n_history) {
  const size_t n = groups_of(model);
  model.screen(cx, hidden);
  Room::take(model, cx.arena);
  const size_t mark = cx.arena.mark();
  model.head(cx, hidden);
  cx.arena.rewind(mark);
  for (const size_t count : {most_first(n), n}) model.head_groups(cx, hidden, cx.make(DType::i32, {int32_t(count)}));
  cx.arena.alloc(penalty_scratch_bytes(size_t(model.config().vocab_size), n_history));
}

}  // namespace synapse
