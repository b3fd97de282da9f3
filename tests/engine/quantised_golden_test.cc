// Every golden in every storage format: how far its logits may be from those of the same weights in float32, one bound a
// format for all families; and that reading a text at once or token by token makes no difference to a single bit.
#include "goldens.h"

#include <numeric>

#include "synapse/quant/collect.h"
#include "synapse/quant/quantize.h"
#include "synapse/quant/quantize_model.h"

namespace synapse::test {
namespace {

// Root mean square of what a format changes, in standard deviations of the logits; where a router chooses experts, which a small
// change may have chosen otherwise, more. The weights are noise, the worst that a format can meet: a trained model's are nearer
// (bench/results). Of the formats a run tries a quarter, others for each family; with $SYNAPSE_EVERY_FORMAT all.
struct Bound {
  std::string_view mix;
  double most, routed;
};
constexpr Bound kBounds[] = {
    {"F16", 0.0015, 0.02},  {"BF16", 0.012, 0.15},  {"Q8_0", 0.042, 0.14},  {"INT8", 0.04, 0.26},   {"Q6_K", 0.09, 0.43},
    {"Q5_K_S", 0.2, 0.54},  {"Q5_1", 0.2, 0.8},     {"Q5_0", 0.22, 0.71},   {"Q4_K_S", 0.36, 0.82}, {"Q4_1", 0.41, 0.94},
    {"Q4_0", 0.41, 0.89},   {"IQ4_NL", 0.4, 0.88},  {"IQ4_XS", 0.41, 0.88}, {"MXFP4", 0.64, 1.11},  {"Q3_K_S", 0.72, 1.12},
    {"Q2_K", 1.04, 1.37},   {"Q2_32", 1.05, 1.31},  {"Q2_64", 1.03, 1.34},  {"TQ2_0", 1.53, 1.66},
};

// The matrices of a float checkpoint in another format.
class Quantised {
 public:
  Quantised(const Checkpoint& from, const Mix& mix) {
    MixOptions options;
    options.mix = &mix, options.pure = true;
    const auto choices = choose_formats(from, options);
    checkpoint_ = from;
    tensors_.assign(from.tensors.begin(), from.tensors.end());
    for (size_t i = 0; i < tensors_.size(); ++i) {
      Tensor& t = tensors_[i].tensor;
      if (choices[i].dtype == t.dtype) continue;
      if (t.dtype != DType::f32) {
        ADD_FAILURE() << tensors_[i].name << " is " << label(t.dtype);
        return;
      }
      const DType dtype = choices[i].dtype;
      Tensor to = t.rank == 3 ? make_tensor(nullptr, dtype, {t.dims[0], t.dims[1], t.dims[2]})
                              : make_tensor(nullptr, dtype, {t.dims[0], t.dims[1]});
      auto& bytes = data_.emplace_back(to.bytes());
      const int64_t cols = t.cols();
      const Status made = quantize_rows(to.dtype, bytes, static_cast<const float*>(t.data), int64_t(t.size()) / cols, cols, nullptr);
      EXPECT_TRUE(made.ok()) << tensors_[i].name << ": " << made.message();
      to.data = bytes.data();
      t = to, ++n_;
    }
    checkpoint_.tensors = tensors_;
    memory_.resize(tensors_.size() * 64 + 65536);
    EXPECT_TRUE(checkpoint_.index(arena_.emplace(memory_.data(), memory_.size())).ok());
  }
  const Checkpoint& get() const { return checkpoint_; }
  size_t n_quantised() const { return n_; }

 private:
  Checkpoint checkpoint_;
  std::vector<NamedTensor> tensors_;
  std::deque<std::vector<uint8_t>> data_;
  std::vector<uint8_t> memory_;
  std::optional<Arena> arena_;
  size_t n_ = 0;
};

double off_by(const std::vector<std::vector<float>>& got, const std::vector<std::vector<float>>& want) {
  double sum = 0, square = 0, error = 0, n = 0;
  for (size_t t = 0; t < want.size(); ++t)
    for (size_t i = 0; i < want[t].size(); ++i) {
      const double x = double(want[t][i]), d = double(got[t][i]) - x;
      sum += x, square += x * x, error += d * d, ++n;
    }
  return std::sqrt(error / n) / std::sqrt(square / n - sum / n * (sum / n));
}

class QuantisedGolden : public testing::TestWithParam<const char*> {};

TEST_P(QuantisedGolden, is_within_the_format_s_bound_of_float32) {
  const Golden golden(GetParam());
  ASSERT_TRUE(golden.source);
  const auto ids = ints(golden.json["cases"].at(0)["ids"]);
  ASSERT_GE(ids.size(), 16u);
  Engine plain(golden.source->checkpoint(), kernels(), 2, f32_cache());
  ASSERT_TRUE(plain.status().ok()) << plain.status().message();
  const auto want = all_logits(plain, ids);
  const bool is_routed = plain.model().config().n_experts > 0;
  const auto family = size_t(std::ranges::find(kGoldens, std::string_view(GetParam())) - kGoldens);
  size_t turn = family;
  for (const Bound& bound : kBounds) {
    if (turn++ % 4 && !std::getenv("SYNAPSE_EVERY_FORMAT")) continue;
    const Mix* mix = find_mix(bound.mix);
    ASSERT_TRUE(mix) << bound.mix;
    const Quantised quantised(golden.source->checkpoint(), *mix);
    EXPECT_GT(quantised.n_quantised(), 4u) << bound.mix;
    Engine engine(quantised.get(), kernels(), 2, f32_cache());
    ASSERT_TRUE(engine.status().ok()) << bound.mix << ": " << engine.status().message();
    const auto got = all_logits(engine, ids);
    ASSERT_EQ(got.size(), want.size());
    const double off = off_by(got, want);
    EXPECT_LE(off, is_routed ? bound.routed : bound.most) << bound.mix;
    EXPECT_GT(off, 0) << bound.mix;
    engine.pack();
    EXPECT_EQ(all_logits(engine, ids, 1), got) << bound.mix << " packed, token by token";
  }
}

INSTANTIATE_TEST_SUITE_P(families, QuantisedGolden, testing::ValuesIn(kGoldens), [](const auto& family) {
  std::string name = family.param;
  for (char& c : name)
    if (c == '-') c = '_';
  return name;
});

// An expert's inputs are those rows of its layer's that the router sent to it: together as many times as each row was sent.
TEST(imatrix, experts_see_the_rows_that_were_chosen_for_them) {
  for (const char* name : {"qwen3-moe", "jamba", "qwen2-moe"}) {
    SCOPED_TRACE(name);
    const Golden golden(name);
    ASSERT_TRUE(golden.source);
    Engine engine(golden.source->checkpoint(), kernels(), 2, f32_cache());
    ASSERT_TRUE(engine.status().ok()) << engine.status().message();
    ImatrixCollector collector(engine.model(), engine.device(), false);
    SessionOptions options = engine.options();
    options.recorder = &collector;
    const auto ids = ints(golden.json["cases"].at(0)["ids"]);
    ASSERT_TRUE(engine.session(options).feed(ids).ok());
    const auto made = collector.finish();
    ASSERT_TRUE(made.ok()) << made.status().message();

    // Token by token there is no doubt whose row it is.
    ImatrixCollector slow(engine.model(), engine.device(), false);
    options.recorder = &slow, options.chunk = 1;
    ASSERT_TRUE(engine.session(options).feed(ids).ok());
    const auto same = slow.finish();
    ASSERT_TRUE(same.ok()) << same.status().message();
    for (const auto& [weight, entry] : made->entries) {
      EXPECT_EQ(entry.counts, same->entries.at(weight).counts) << weight;
      EXPECT_EQ(entry.sums, same->entries.at(weight).sums) << weight;
    }

    const Config& c = engine.model().config();
    int32_t n_layers = 0, n_moe = 0;
    for (int32_t layer = 0; layer < c.n_layers; ++layer) {
      const auto entry = [&](const char* part) { return made->entries.find("blk." + std::to_string(layer) + "." + part + ".weight"); };
      const auto router = entry("ffn_gate_inp"), gate = entry("ffn_gate_exps"), down = entry("ffn_down_exps");
      n_moe += c.moe.has(layer);
      if (router == made->entries.end()) continue;
      ++n_layers;
      ASSERT_NE(gate, made->entries.end());
      ASSERT_NE(down, made->entries.end());
      const ImatrixEntry &all = router->second, &experts = gate->second;
      ASSERT_EQ(experts.counts.size(), size_t(c.n_experts));
      EXPECT_EQ(std::accumulate(experts.counts.begin(), experts.counts.end(), 0.0f), float(int32_t(ids.size()) * c.n_experts_used));
      EXPECT_EQ(down->second.counts, experts.counts);
      const size_t columns = all.sums.size();
      for (size_t i = 0; i < columns; ++i) {
        double sum = 0;
        for (size_t e = 0; e < experts.counts.size(); ++e) sum += double(experts.sums[e * columns + i]);
        ASSERT_NEAR(sum, c.n_experts_used * double(all.sums[i]), 1e-5 * sum) << "column " << i;
      }
    }
    EXPECT_EQ(n_layers, n_moe);
    EXPECT_GT(n_layers, 0);

    QuantizeOptions how;
    how.mix.mix = find_mix("Q4_K_M"), how.mix.has_imatrix = true, how.imatrix = &*made;
    const auto plan = plan_quantization(*golden.source, how);
    EXPECT_TRUE(plan.ok()) << plan.status().message();
  }
}

}  // namespace
}  // namespace synapse::test
