// Models that were trained against what they are known to say: the bundled one, and others where the folder of outside data is
// ($SYNAPSE_TEST_DATA, else ../shared/data).
#include "goldens.h"

namespace synapse::test {
namespace {

const Json& story() {
  static const Json json(kSource / "tests" / "golden" / "synapse-story-4m.json");
  return json;
}

void check_story(const fs::path& path, double nll_tolerance, double logit_tolerance) {
  SCOPED_TRACE(path.string());
  const auto source = open(path);
  ASSERT_TRUE(source);
  Engine engine(source->checkpoint(), kernels(), 2, default_cache());
  ASSERT_TRUE(engine.status().ok()) << engine.status().message();
  auto want = ints(story()["greedy_ids_200"]);
  want.resize(64);
  EXPECT_EQ(greedy(engine, ints(story()["ids"]), 64), want);
  double nll = 0, want_nll = 0;
  for (JsonValue c : story()["cases"].elements()) {
    const auto ids = ints(c["ids"]);
    nll += mean_nll(engine, ids), want_nll += *c["mean_nll"].as_number();
    if (logit_tolerance > 0) {
      EXPECT_LE(largest_difference(all_logits(engine, ids).back(), numbers(c["last_logits"])), logit_tolerance);
    }
  }
  EXPECT_NEAR(nll / want_nll, 1, nll_tolerance);
}

TEST(story_model, the_bundled_file_writes_the_reference_text) {
  check_story(kSource / "models" / "bundled" / "synapse-story-4m-Q8_0.gguf", 0.01, 0);
}

TEST(story_model, every_form_of_it_agrees) {
  const fs::path folder = outside_data() / "models" / "synapse-story-4m";
  if (!fs::exists(folder)) GTEST_SKIP() << folder << " is not here";
  check_story(folder, 1e-5, 1e-4);
  check_story(folder / "gguf" / "synapse-story-4m-f32.gguf", 1e-5, 1e-4);
  check_story(folder / "gguf" / "synapse-story-4m-f16.gguf", 0.01, 0);
  check_story(folder / "gguf" / "synapse-story-4m-Q8_0.gguf", 0.01, 0);
}

TEST(stories260k, greedy_ids_are_the_documented_ones) {
  const fs::path folder = outside_data() / "weights" / "stories260K";
  if (!fs::exists(folder)) GTEST_SKIP() << folder << " is not here";
  const Json reference(folder / "derived-reference.json");
  const auto want = ints(reference["greedy_ids_incl_bos"]);
  ASSERT_GE(want.size(), 256u);
  const auto check = [&](const char* file, size_t n) {
    const auto source = open(folder / file);
    ASSERT_TRUE(source);
    Engine engine(source->checkpoint(), kernels(), 1, default_cache());
    ASSERT_TRUE(engine.status().ok()) << engine.status().message();
    EXPECT_EQ(greedy(engine, {want[0]}, n), std::vector<int32_t>(want.begin() + 1, want.begin() + 1 + long(n))) << file;
  };
  check("stories260K-f32.gguf", want.size() - 1);
  check("stories260K-q8_0.gguf", 100);
}

std::vector<double> floats_of(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  const std::string bytes(std::istreambuf_iterator<char>(in), {});
  std::vector<float> values(bytes.size() / sizeof(float));
  std::memcpy(values.data(), bytes.data(), values.size() * sizeof(float));
  return {values.begin(), values.end()};
}

// A trained RWKV-7 over bytes, as rwkv.cpp keeps it: logits after `"in`, and after each of 64 bytes.
TEST(rwkv_7, logits_are_those_of_the_reference) {
  const fs::path folder = outside_data() / "weights" / "rwkv";
  if (!fs::exists(folder)) GTEST_SKIP() << folder << " is not here";
  const auto source = open(folder / "tiny-rwkv-7v0-834K-FP32.bin");
  ASSERT_TRUE(source);
  for (const Kernels& k : tested_variants()) {
    Engine engine(source->checkpoint(), k, 2, f32_cache());
    ASSERT_TRUE(engine.status().ok()) << engine.status().message();
    const auto rows = all_logits(engine, {0x22, 0x69, 0x6E}, 1);
    EXPECT_LE(largest_difference(rows.back(), floats_of(folder / "expected-logits-7v0-834K.bin")), 1e-5) << k.isa;
    const Json reference(folder / "derived-rwkv7-reference.json");
    const auto want = floats_of(folder / "derived-rwkv7-logits-64x256.f32");
    const auto many = all_logits(engine, ints(reference["prompt_bytes"]), 20);
    ASSERT_EQ(many.size() * 256, want.size());
    double off = 0;
    for (size_t t = 0; t < many.size(); ++t)
      off = std::max(off, largest_difference(many[t], {want.begin() + long(t) * 256, want.begin() + long(t + 1) * 256}));
    EXPECT_LE(off, 2e-5) << k.isa;
    const auto written = greedy(engine, ints(reference["prompt_bytes"]), 64);
    EXPECT_EQ(written, ints(reference["greedy_next_64_bytes"])) << k.isa;
  }
}

// Against our own float32 logits: a bound a logit, and the signed sum that rwkv.cpp's own test looks at, with its limit.
TEST(rwkv_7, stored_formats_are_near_float32) {
  const fs::path folder = outside_data() / "weights" / "rwkv";
  if (!fs::exists(folder)) GTEST_SKIP() << folder << " is not here";
  const auto last = [&](const char* file) -> std::vector<float> {
    const auto source = open(folder / file);
    if (!source) return {};
    Engine engine(source->checkpoint(), kernels(), 2, f32_cache());
    EXPECT_TRUE(engine.status().ok()) << engine.status().message();
    return all_logits(engine, {0x22, 0x69, 0x6E}).back();
  };
  const auto base = last("tiny-rwkv-7v0-834K-FP32.bin");
  struct Stored {
    const char* file;
    double bound, signed_sum_limit;
  };
  for (const Stored& s : {Stored{"tiny-rwkv-7v0-834K-FP16.bin", 1e-4, 0.005766}, Stored{"tiny-rwkv-7v0-834K-Q5_0.bin", 0.01, 0.063645}}) {
    const auto got = last(s.file);
    ASSERT_EQ(got.size(), base.size());
    const double off = largest_difference(got, {base.begin(), base.end()});
    double sum = 0;
    for (size_t i = 0; i < got.size(); ++i) sum += double(got[i]) - double(base[i]);
    std::printf("%s: a logit is off by at most %.1e, the signed sum is %.6f (rwkv.cpp's limit %.6f)\n", s.file, off, sum, s.signed_sum_limit);
    EXPECT_LE(off, s.bound) << s.file;
    EXPECT_GT(off, 0) << s.file;
  }
}

}  // namespace
}  // namespace synapse::test
