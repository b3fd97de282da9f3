// Every stage against a plain float64 reference that sorts, sums and cuts as the papers say.
#include "synapse/runtime/sampler_stages.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>
#include <random>
#include <set>
#include <vector>

namespace synapse {
namespace {

using Ids = std::set<int32_t>;

std::vector<float> random_logits(std::mt19937& rng, size_t n) {
  const float spread = std::uniform_real_distribution<float>(0.2f, 6.0f)(rng);
  std::normal_distribution<float> logit(std::uniform_real_distribution<float>(-20, 20)(rng), spread);
  std::vector<float> logits(n);
  for (float& x : logits) x = logit(rng);
  return logits;
}

// Tokens best first with their probabilities.
struct Reference {
  std::vector<int32_t> order;
  std::vector<double> p;  // by id

  explicit Reference(const std::vector<float>& logits) : order(logits.size()), p(logits.size()) {
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](int32_t a, int32_t b) { return logits[size_t(a)] > logits[size_t(b)]; });
    double total = 0;
    for (size_t i = 0; i < p.size(); ++i) total += p[i] = std::exp(double(logits[i]) - double(logits[size_t(order[0])]));
    for (double& x : p) x /= total;
  }

  // The smallest prefix of `ids` that holds `share`; false when rounding could move its end.
  bool prefix(const std::vector<int32_t>& ids, double share, Ids& kept) const {
    double sum = 0;
    for (int32_t id : ids) {
      sum += p[size_t(id)];
      kept.insert(id);
      if (std::abs(sum - share) < 1e-6) return false;
      if (sum >= share) break;
    }
    return true;
  }
  // Those whose `value` is at least `least`.
  static bool at_least(const std::vector<double>& value, double least, Ids& kept) {
    for (size_t i = 0; i < value.size(); ++i) {
      if (std::abs(value[i] - least) < 1e-6 * std::max(1.0, std::abs(least))) return false;
      if (value[i] >= least) kept.insert(int32_t(i));
    }
    return true;
  }
};

struct List {
  std::vector<Candidate> memory;
  Candidates c;
  explicit List(const std::vector<float>& logits) {
    for (size_t i = 0; i < logits.size(); ++i) memory.push_back({logits[i], int32_t(i)});
    c.list = memory;
  }
  Ids ids() const {
    Ids out;
    for (const Candidate& x : c.list) out.insert(x.id);
    return out;
  }
  // By id or best first, as it says.
  bool is_in_order() const {
    const auto by_id = [](const Candidate& a, const Candidate& b) { return a.id < b.id; };
    return c.is_sorted ? std::is_sorted(c.list.begin(), c.list.end(), better)
                       : std::is_sorted(c.list.begin(), c.list.end(), by_id);
  }
};

// `reference` gives what should be kept, or false when float32 may decide otherwise; of 400 cases few may.
void compare(const std::function<void(Candidates&, float)>& stage, float least, float most,
             const std::function<bool(const std::vector<float>&, double, Ids&)>& reference) {
  std::mt19937 rng(7);
  int decided = 0, cut = 0;
  for (int turn = 0; turn < 400; ++turn) {
    const std::vector<float> logits = random_logits(rng, turn % 4 == 0 ? 3000 : size_t(1 + rng() % 60));
    const float setting = std::uniform_real_distribution<float>(least, most)(rng);
    Ids wanted;
    if (!reference(logits, double(setting), wanted)) continue;
    List by_id(logits), best_first(logits);
    sort(best_first.c);
    stage(by_id.c, setting);
    stage(best_first.c, setting);
    ASSERT_EQ(by_id.ids(), wanted) << turn;
    ASSERT_EQ(best_first.ids(), wanted) << turn;
    ASSERT_TRUE(by_id.is_in_order() && best_first.is_in_order());
    ++decided, cut += wanted.size() < logits.size();
  }
  EXPECT_GT(decided, 350);
  EXPECT_GT(cut, 100);
}

TEST(sampler_stages, top_k) {
  compare([](Candidates& c, float k) { keep_top_k(c, int32_t(k)); }, 1, 400,
          [](const std::vector<float>& logits, double k, Ids& kept) {
            const Reference r(logits);
            for (size_t i = 0; i < std::min(logits.size(), size_t(k)); ++i) kept.insert(r.order[i]);
            return true;
          });
}

TEST(sampler_stages, top_p) {
  compare(keep_top_p, 0.01f, 0.999f, [](const std::vector<float>& logits, double p, Ids& kept) {
    const Reference r(logits);
    return r.prefix(r.order, p, kept);
  });
}

TEST(sampler_stages, typical) {
  compare(keep_typical, 0.01f, 0.999f, [](const std::vector<float>& logits, double p, Ids& kept) {
    const Reference r(logits);
    double entropy = 0;
    for (double x : r.p) entropy -= x > 0 ? x * std::log(x) : 0;
    std::vector<int32_t> order = r.order;
    const auto off = [&](int32_t id) { return std::abs(-std::log(r.p[size_t(id)]) - entropy); };
    std::stable_sort(order.begin(), order.end(), [&](int32_t a, int32_t b) { return off(a) < off(b); });
    return r.prefix(order, p, kept);
  });
}

TEST(sampler_stages, min_p) {
  compare(keep_min_p, 0.001f, 0.9f, [](const std::vector<float>& logits, double p, Ids& kept) {
    const Reference r(logits);
    std::vector<double> relative = r.p;
    for (double& x : relative) x /= r.p[size_t(r.order[0])];
    return Reference::at_least(relative, p, kept);
  });
}

TEST(sampler_stages, top_n_sigma) {
  compare(keep_top_n_sigma, 0.1f, 3, [](const std::vector<float>& logits, double n, Ids& kept) {
    const std::vector<double> x(logits.begin(), logits.end());
    const double mean = std::accumulate(x.begin(), x.end(), 0.0) / double(x.size());
    double variance = 0;
    for (double v : x) variance += (v - mean) * (v - mean) / double(x.size());
    if (x.size() == 1) return kept.insert(0), true;  // sigma is 0, the largest stays
    return Reference::at_least(x, *std::max_element(x.begin(), x.end()) - n * std::sqrt(variance), kept);
  });
}

TEST(sampler_stages, xtc_keeps_the_least_likely_of_the_likely) {
  compare(exclude_top_choices, 0.001f, 0.3f, [](const std::vector<float>& logits, double threshold, Ids& kept) {
    const Reference r(logits);
    size_t n_likely = 0;
    for (double p : r.p) {
      if (std::abs(p - threshold) < 1e-6) return false;
      n_likely += p >= threshold;
    }
    for (size_t i = n_likely ? n_likely - 1 : 0; i < r.order.size(); ++i) kept.insert(r.order[i]);
    return true;
  });
  List list({5, 5, -5, -5});  // of equals the higher id is the less likely
  exclude_top_choices(list.c, 0.4f);
  EXPECT_EQ(list.ids(), (Ids{1, 2, 3}));
  List half({5, 5, -5, -5});
  exclude_top_choices(half.c, 0.51f);
  EXPECT_EQ(half.ids().size(), 4u);
}

TEST(sampler_stages, surprise_is_bounded) {
  compare(keep_surprise, 0.0f, 12.0f, [](const std::vector<float>& logits, double bits, Ids& kept) {
    const Reference r(logits);
    std::vector<double> familiar(r.p.size());
    for (size_t i = 0; i < r.p.size(); ++i) familiar[i] = std::log2(r.p[i]);
    if (!Reference::at_least(familiar, -bits, kept)) return false;
    if (kept.empty()) kept.insert(r.order[0]);
    return true;
  });
}

TEST(sampler_stages, ties_go_to_the_lower_id) {
  const std::vector<float> equal(1000, 2.5f);
  List k(equal), p(equal), typical(equal);
  keep_top_k(k.c, 3);
  EXPECT_EQ(k.ids(), (Ids{0, 1, 2}));
  keep_top_p(p.c, 0.0025f);
  EXPECT_EQ(p.ids(), (Ids{0, 1, 2}));
  keep_typical(typical.c, 0.0025f);
  EXPECT_EQ(typical.ids(), (Ids{0, 1, 2}));
}

TEST(sampler_stages, one_survivor_survives_everything) {
  List list({-3.5f});
  keep_top_k(list.c, 1);
  keep_top_p(list.c, 1e-6f);
  keep_typical(list.c, 1e-6f);
  keep_min_p(list.c, 1);
  keep_top_n_sigma(list.c, 1e-6f);
  exclude_top_choices(list.c, 0);
  keep_surprise(list.c, 0);
  EXPECT_EQ(list.ids(), Ids{0});
}

TEST(sampler_stages, extreme_logits_stay_ordered_numbers) {
  constexpr float kMost = std::numeric_limits<float>::max();
  const std::vector<float> logits = {kMost, 1, -kMost, 1, kMost / 2};
  for (const auto& stage : std::initializer_list<std::function<void(Candidates&)>>{
           [](Candidates& c) { keep_top_p(c, 0.9f); }, [](Candidates& c) { keep_typical(c, 0.9f); },
           [](Candidates& c) { keep_min_p(c, 0.1f); }, [](Candidates& c) { keep_surprise(c, 1); },
           [](Candidates& c) { keep_top_n_sigma(c, 0.1f); }, [](Candidates& c) { keep_top_k(c, 1); }}) {
    List list(logits);
    stage(list.c);
    EXPECT_EQ(list.ids(), Ids{0});
  }
  List cold(logits);
  divide(cold.c, 1e-6f);
  for (const Candidate& x : cold.c.list) EXPECT_TRUE(std::isfinite(x.logit));
}

struct Penalties {
  std::vector<uint8_t> memory = std::vector<uint8_t>(1 << 16);
  Arena arena{memory.data(), memory.size()};
};

TEST(sampler_stages, penalties_count_what_is_recent) {
  std::mt19937 rng(3);
  Penalties p;
  for (int turn = 0; turn < 200; ++turn) {
    const std::vector<float> logits = random_logits(rng, 40);
    std::vector<int32_t> history(rng() % 100);
    for (int32_t& id : history) id = int32_t(rng() % 40);
    SamplerOptions o;
    o.repeat_penalty = 1.3f, o.frequency_penalty = 0.25f, o.presence_penalty = -0.5f, o.repeat_last_n = int32_t(rng() % 60) - 1;
    List list(logits);
    if (turn % 2) sort(list.c);
    ASSERT_TRUE(penalise_repeats(list.c, o, history, 40, p.arena).ok());
    EXPECT_EQ(p.arena.used(), 0u);
    EXPECT_TRUE(list.is_in_order());
    const size_t n = o.repeat_last_n < 0 ? history.size() : std::min(history.size(), size_t(o.repeat_last_n));
    for (const Candidate& x : list.c.list) {
      const auto count = std::count(history.end() - ptrdiff_t(n), history.end(), x.id);
      double want = double(logits[size_t(x.id)]);
      if (count) want = (want > 0 ? want / 1.3 : want * 1.3) - 0.25 * double(count) + 0.5;
      EXPECT_NEAR(double(x.logit), want, 1e-5 * std::max(1.0, std::abs(want)));
    }
  }
}

// By the definition: for every earlier place, how much before it is the same as at the end.
std::vector<double> dry_losses(const SamplerOptions& o, const std::vector<int32_t>& history, size_t V) {
  const size_t n = o.dry_last_n < 0 ? history.size() : std::min(history.size(), size_t(o.dry_last_n));
  const std::vector<int32_t> a(history.end() - ptrdiff_t(n), history.end());
  const auto breaks = [&](int32_t id) { return std::find(o.dry_breakers.begin(), o.dry_breakers.end(), id) != o.dry_breakers.end(); };
  std::vector<double> loss(V, 0);
  for (size_t next = 1; next < a.size(); ++next) {
    size_t m = 0;
    while (m < next && a[next - 1 - m] == a[a.size() - 1 - m] && !breaks(a[a.size() - 1 - m])) ++m;
    if (int32_t(m) < o.dry_allowed_length || breaks(a[next])) continue;
    double& most = loss[size_t(a[next])];
    most = std::max(most, double(o.dry_multiplier) * std::pow(double(o.dry_base), double(m) - o.dry_allowed_length));
  }
  return loss;
}

TEST(sampler_stages, dry_penalises_what_would_repeat_a_sequence) {
  std::mt19937 rng(5);
  Penalties p;
  int penalised = 0;
  for (int turn = 0; turn < 300; ++turn) {
    constexpr size_t V = 12;
    const std::vector<float> logits = random_logits(rng, V);
    std::vector<int32_t> history(rng() % 80);
    for (int32_t& id : history) id = int32_t(rng() % (turn % 3 ? 3 : V));
    const std::vector<int32_t> breakers = turn % 2 ? std::vector<int32_t>{1, 7} : std::vector<int32_t>{};
    SamplerOptions o;
    o.dry_multiplier = 0.8f, o.dry_base = 1.75f, o.dry_allowed_length = int32_t(rng() % 4), o.dry_breakers = breakers;
    o.dry_last_n = turn % 5 ? -1 : int32_t(rng() % 40);
    List list(logits);
    ASSERT_TRUE(penalise_sequences(list.c, o, history, V, p.arena).ok());
    EXPECT_EQ(p.arena.used(), 0u);
    const std::vector<double> loss = dry_losses(o, history, V);
    for (const Candidate& x : list.c.list) {
      const double want = double(logits[size_t(x.id)]) - loss[size_t(x.id)];
      ASSERT_NEAR(double(x.logit), want, 1e-6 * std::max(1.0, std::abs(want))) << turn;
      penalised += loss[size_t(x.id)] > 0;
    }
  }
  EXPECT_GT(penalised, 300);
}

TEST(sampler_stages, dry_of_one_token_over_and_over_stays_finite) {
  Penalties p;
  List list({1, 2});
  const std::vector<int32_t> history(5000, 1);
  SamplerOptions o;
  o.dry_multiplier = 1e6f, o.dry_base = 4;
  ASSERT_TRUE(penalise_sequences(list.c, o, history, 2, p.arena).ok());
  EXPECT_EQ(list.c.list[0].logit, 1);
  EXPECT_EQ(list.c.list[1].logit, std::numeric_limits<float>::lowest());
}

}  // namespace
}  // namespace synapse
