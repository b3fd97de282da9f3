#include "synapse/runtime/sampler.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <vector>

namespace synapse {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();

struct Sampler {
  std::vector<uint8_t> memory = std::vector<uint8_t>(1 << 16);
  Arena arena{memory.data(), memory.size()};
  Result<Pick> operator()(const SamplerOptions& o, const std::vector<float>& logits, const std::vector<int32_t>& history = {},
                          int64_t position = 0) {
    SamplerState state;
    return sample(o, logits, history, position, state, arena);
  }
};

SamplerOptions plain(float temperature) {
  SamplerOptions o;
  o.temperature = temperature, o.top_k = 0, o.top_p = 1, o.min_p = 0;
  return o;
}

TEST(sampler, greedy_takes_the_largest_and_the_lower_of_equals) {
  Sampler s;
  EXPECT_EQ(s(plain(0), {1, 3, 2, 3})->id, 1);
  EXPECT_NEAR(s(plain(0), {0, 0, 0, 0})->logprob, std::log(0.25), 1e-6);
}

TEST(sampler, gumbel_noise_follows_the_distribution) {
  Sampler s;
  const std::vector<float> logits = {0, 1, 2, -kInf};
  std::map<int, int> seen;
  const int n = 20000;
  for (int i = 0; i < n; ++i) ++seen[s(plain(1), logits, {}, i)->id];
  const double z = 1 + std::exp(1) + std::exp(2);
  EXPECT_NEAR(seen[0] / double(n), 1 / z, 0.01);
  EXPECT_NEAR(seen[1] / double(n), std::exp(1) / z, 0.01);
  EXPECT_NEAR(seen[2] / double(n), std::exp(2) / z, 0.01);
  EXPECT_EQ(seen.count(3), 0u);
}

TEST(sampler, a_seed_and_a_position_fix_the_choice) {
  Sampler s;
  std::vector<float> logits(50, 0.0f);
  SamplerOptions a = plain(1), b = plain(1);
  b.seed = 1;
  int moved_by_seed = 0, moved_by_position = 0;
  for (int p = 0; p < 50; ++p) {
    EXPECT_EQ(s(a, logits, {}, p)->id, s(a, logits, {}, p)->id);
    moved_by_seed += s(a, logits, {}, p)->id != s(b, logits, {}, p)->id;
    moved_by_position += s(a, logits, {}, p)->id != s(a, logits, {}, p + 1)->id;
  }
  EXPECT_GT(moved_by_seed, 40);
  EXPECT_GT(moved_by_position, 40);
}

TEST(sampler, truncations_keep_what_they_say) {
  Sampler s;
  const std::vector<float> logits = {std::log(0.5f), std::log(0.3f), std::log(0.15f), std::log(0.05f)};
  const auto reached = [&](SamplerOptions o) {
    int most = 0;
    for (int p = 0; p < 400; ++p) most = std::max(most, s(o, logits, {}, p)->id);
    return most;
  };
  SamplerOptions o = plain(5);
  EXPECT_EQ(reached(o), 3);
  o.top_k = 2;
  EXPECT_EQ(reached(o), 1);
  o.top_k = 0, o.top_p = 0.7f;
  EXPECT_EQ(reached(o), 1);
  o.top_p = 0.1f;
  EXPECT_EQ(reached(o), 0);
  o.top_p = 1, o.min_p = 0.25f;  // of the largest: 0.125
  EXPECT_EQ(reached(o), 2);
}

TEST(sampler, penalties_and_bias_move_logits_before_greedy) {
  Sampler s;
  SamplerOptions o = plain(0);
  o.repeat_penalty = 2;
  EXPECT_EQ(s(o, {4, 3, -1}, {0})->id, 1);           // 4 / 2 < 3
  EXPECT_EQ(s(o, {8, 3, -1}, {0, 0})->id, 0);        // 8 / 2 > 3: once, however often it occurred
  EXPECT_EQ(s(o, {-1, -1.5f}, {0})->id, 1);          // -1 * 2 < -1.5
  o = plain(0), o.frequency_penalty = 1;
  EXPECT_EQ(s(o, {4, 3.5f, 2.5f}, {0, 0, 1})->id, 1); // 2, 2.5, 2.5
  o.repeat_last_n = 1;
  EXPECT_EQ(s(o, {4, 3.5f, 2.5f}, {0, 0, 1})->id, 0);
  o = plain(0), o.presence_penalty = 2;
  EXPECT_EQ(s(o, {4, 3}, {0, 0})->id, 1);
  o = plain(0);
  const LogitBias bias[] = {{0, -kInf}, {2, 5}};
  o.bias = bias;
  EXPECT_EQ(s(o, {9, 3, -1})->id, 2);
}

// The chain's order is the order in which things happen.
TEST(sampler, stages_run_in_the_order_given) {
  Sampler s;
  const std::vector<float> logits = {3, 2, 1, 0};
  const std::vector<int32_t> history = {0, 0};
  const Stage truncate_first[] = {Stage::top_k, Stage::penalties};
  const Stage penalise_first[] = {Stage::penalties, Stage::top_k};
  SamplerOptions o = plain(1);
  o.top_k = 1, o.presence_penalty = 10;
  o.chain = truncate_first;
  EXPECT_EQ(s(o, logits, history)->id, 0);  // all that is left
  o.chain = penalise_first;
  EXPECT_EQ(s(o, logits, history)->id, 1);

  const Stage heat_first[] = {Stage::temperature, Stage::min_p};  // a hot distribution is flat: nothing is cut
  o = plain(50), o.min_p = 0.9f;
  const auto reached = [&] {
    std::map<int, int> seen;
    for (int p = 0; p < 200; ++p) ++seen[s(o, logits, {}, p)->id];
    return seen.size();
  };
  EXPECT_EQ(reached(), 1u);
  o.chain = heat_first;
  EXPECT_EQ(reached(), 4u);
  o.chain = {}, o.temperature = 1e-3f;  // and without the stage there is no temperature
  EXPECT_GT(reached(), 1u);
}

TEST(sampler, greedy_is_greedy_whatever_is_cut_off) {
  Sampler s;
  SamplerOptions o;
  o.temperature = 0, o.xtc_probability = 1, o.xtc_threshold = 0, o.typical_p = 0.01f, o.mirostat = 2, o.mirostat_tau = 0;
  EXPECT_EQ(s(o, {1, 5, 2})->id, 1);
}

TEST(sampler, xtc_tosses_one_coin_a_position) {
  Sampler s;
  SamplerOptions o = plain(1e-3f);  // the best of what is left, whatever the noise
  o.xtc_probability = 0.3f, o.xtc_threshold = 0.1f;
  int excluded = 0;
  const int n = 4000;
  for (int p = 0; p < n; ++p) {
    const int id = s(o, {3, 2.5f, -9}, {}, p)->id;
    EXPECT_EQ(id, s(o, {3, 2.5f, -9}, {}, p)->id);
    excluded += id == 1;
  }
  EXPECT_NEAR(double(excluded) / n, 0.3, 0.03);
}

TEST(sampler, mirostat_holds_the_surprise_it_aims_at) {
  std::vector<float> logits(1000);
  for (size_t i = 0; i < logits.size(); ++i) logits[i] = -1.2f * std::log(float(i + 1));  // Zipf
  std::vector<uint8_t> memory(1 << 16);
  Arena arena(memory.data(), memory.size());
  for (float tau : {2.0f, 4.0f}) {
    SamplerOptions o = plain(1);
    o.mirostat = 2, o.mirostat_tau = tau;
    SamplerState state;
    double surprise = 0, shift = 0;
    const int n = 3000;
    for (int p = 0; p < n; ++p) {
      // The reference: the same update in float64, from the same choices.
      const double mu = 2 * double(tau) + shift;
      double z = 0, kept = 0, p_chosen = 0;
      for (float x : logits) z += std::exp(double(x));
      const auto pick = sample(o, logits, {}, p, state, arena);
      for (float x : logits) {
        const double q = std::exp(double(x)) / z;
        if (-std::log2(q) <= mu) kept += q;
      }
      p_chosen = std::exp(double(logits[size_t(pick->id)])) / z / kept;
      surprise -= std::log2(p_chosen) / n;
      shift -= double(o.mirostat_eta) * (-std::log2(p_chosen) - double(tau));
      ASSERT_NEAR(double(state.mirostat_shift), shift, 1e-3) << p;
      shift = double(state.mirostat_shift);
    }
    EXPECT_NEAR(surprise, double(tau), 0.1);
  }
}

TEST(sampler, faults_are_errors) {
  Sampler s;
  EXPECT_EQ(s(plain(0), {1, NAN}).status().message(), "logit of id 1: not a number");
  EXPECT_EQ(s(plain(0), {kInf, 1}).status().message(), "logit of id 0: infinite");
  EXPECT_EQ(s(plain(1), {-kInf, -kInf}).status().message(), "sampler: every token is forbidden");
  const LogitBias all[] = {{0, -kInf}, {1, -kInf}};
  SamplerOptions o = plain(1);
  o.bias = all;
  EXPECT_EQ(s(o, {1, 2}).status().message(), "sampler: every token is forbidden");
  for (auto set : std::initializer_list<void (*)(SamplerOptions&)>{
           [](SamplerOptions& x) { x.temperature = NAN; }, [](SamplerOptions& x) { x.temperature = -1; },
           [](SamplerOptions& x) { x.top_p = 0; }, [](SamplerOptions& x) { x.top_p = 1.5f; },
           [](SamplerOptions& x) { x.min_p = NAN; }, [](SamplerOptions& x) { x.repeat_penalty = 0; },
           [](SamplerOptions& x) { x.frequency_penalty = kInf; }, [](SamplerOptions& x) { x.repeat_last_n = -2; },
           [](SamplerOptions& x) { x.typical_p = 0; }, [](SamplerOptions& x) { x.xtc_threshold = 2; },
           [](SamplerOptions& x) { x.dry_base = 0.5f; }, [](SamplerOptions& x) { x.mirostat = 1; },
           [](SamplerOptions& x) { x.top_n_sigma = NAN; }, [](SamplerOptions& x) { x.mirostat_tau = -1; }}) {
    SamplerOptions bad;
    set(bad);
    EXPECT_EQ(s(bad, {1, 2}).status().code(), Code::invalid);
  }
}

}  // namespace
}  // namespace synapse
