// Models against reference numbers. Those in tests/golden need no weight files (weights by formula); the rest run where the
// folder of outside data is ($SYNAPSE_TEST_DATA, else ../shared/data).
#include "goldens.h"

#include "embed.h"
#include "reference_forward.h"
#include "synapse/io/gguf.h"

namespace synapse::test {
namespace {

class FormulaGolden : public testing::TestWithParam<const char*> {};

TEST_P(FormulaGolden, logits_are_within_1e_4_of_their_spread) {
  const Golden golden(GetParam());
  ASSERT_TRUE(golden.source);
  for (const Kernels& k : tested_variants()) {
    Engine engine(golden.source->checkpoint(), k, 2, f32_cache());
    ASSERT_TRUE(engine.status().ok()) << engine.status().message();
    for (JsonValue c : golden.json["cases"].elements()) {
      const auto ids = ints(c["ids"]), positions = ints(c["positions"]), argmax = ints(c["argmax"]);
      if (SYNAPSE_IS_SANITIZED && ids.size() > kSanitizedTokens) continue;
      const auto rows = all_logits(engine, ids, 100);
      ASSERT_EQ(rows.size(), ids.size());
      const double limit = std::max(1e-4 * *c["std"].as_number(), 8 * c["f32_vs_f64"].as_number().value_or(0));
      size_t i = 0;
      for (JsonValue want : c["logits"].elements()) {
        const int32_t at = positions[i++];
        EXPECT_LE(largest_difference(rows[size_t(at)], numbers(want)), limit) << k.isa << " position " << at;
      }
      EXPECT_EQ(i, positions.size());
      int32_t agree = 0;
      for (size_t t = 0; t < ids.size(); ++t)
        agree += int32_t(std::max_element(rows[t].begin(), rows[t].end()) - rows[t].begin()) == argmax[t];
      EXPECT_GE(agree, int32_t(ids.size()) - 1) << k.isa;  // one near tie may fall the other way
    }
  }
}

INSTANTIATE_TEST_SUITE_P(families, FormulaGolden, testing::ValuesIn(kGoldens));

class EncoderGolden : public testing::TestWithParam<const char*> {};

// The rows of `positions` (none: of all) against `hidden`, and their mean against `mean`, if there is one.
void check_encoder(Engine& engine, const Checkpoint& checkpoint, const std::vector<int32_t>& ids, const std::vector<int32_t>& types,
                   const std::vector<int32_t>& positions, JsonValue hidden, JsonValue mean, double limit) {
  const Vectors rows = embed(engine, checkpoint, {{ids, types}}, Pooling::none).vectors;
  ASSERT_EQ(rows.size(), ids.size());
  size_t i = 0;
  for (JsonValue want : hidden.elements()) {
    const size_t at = positions.empty() ? i : size_t(positions[i]);
    EXPECT_LE(largest_difference(rows[at], numbers(want)), limit) << "position " << at;
    ++i;
  }
  EXPECT_EQ(i, positions.empty() ? ids.size() : positions.size());
  if (!mean.is_null()) {
    const auto got = embed(engine, checkpoint, {{ids, types}}, Pooling::mean).vectors.at(0);
    EXPECT_LE(largest_difference(got, numbers(mean)), limit);
  }
}

TEST_P(EncoderGolden, rows_and_their_mean_are_within_1e_4_of_their_spread) {
  const Golden golden(GetParam());
  ASSERT_TRUE(golden.source);
  for (const Kernels& k : tested_variants()) {
    SCOPED_TRACE(k.isa);
    Engine engine(golden.source->checkpoint(), k, 2, default_cache());
    ASSERT_TRUE(engine.status().ok()) << engine.status().message();
    for (JsonValue c : golden.json["cases"].elements())
      check_encoder(engine, golden.source->checkpoint(), ints(c["ids"]), {}, ints(c["positions"]), c["hidden"], c["mean"],
                    1e-4 * *c["std"].as_number());
  }
}

INSTANTIATE_TEST_SUITE_P(families, EncoderGolden, testing::Values("bert", "roberta"));

TEST(tiny_bert, gives_the_reference_rows_with_segments) {
  const fs::path data = outside_data() / "tiny-hf";
  if (!fs::exists(data)) GTEST_SKIP() << data << " is not here";
  TemporaryFolder folder;
  fs::copy(data / "tiny_bert.safetensors", folder.path / "model.safetensors");
  fs::copy(data / "tiny_bert_config.json", folder.path / "config.json");
  const auto source = open(folder.path);
  ASSERT_TRUE(source);
  Engine engine(source->checkpoint(), kernels(), 1, default_cache());
  ASSERT_TRUE(engine.status().ok()) << engine.status().message();
  const Json reference(data / "tiny_bert_hidden.json");
  const size_t n = reference["sequences"].size();
  ASSERT_EQ(n, 3u);
  for (size_t i = 0; i < n; ++i)
    check_encoder(engine, source->checkpoint(), ints(reference["sequences"].at(i)), ints(reference["token_types"].at(i)), {},
                  reference["hidden"].at(i), {}, 2e-5);
}

// Against a second forward in float64 over the same weights. A float model is off by its float32 rounding; on the
// integer path that can also push an activation over the edge between two 8-bit steps, now and then.
TEST(k_quants, a_file_of_them_has_the_reference_values) {
  const fs::path folder = outside_data() / "tiny-hf";
  if (!fs::exists(folder)) GTEST_SKIP() << folder << " is not here";
  const Json reference(folder / "tiny_kquant_ref.json");
  std::ifstream in(folder / "tiny_kquant.gguf", std::ios::binary);
  const std::string text((std::istreambuf_iterator<char>(in)), {});
  std::vector<uint64_t> words(text.size() / 8 + 1);
  std::memcpy(words.data(), text.data(), text.size());
  const std::span<const uint8_t> bytes(reinterpret_cast<const uint8_t*>(words.data()), text.size());
  std::vector<uint8_t> memory(gguf_arena_bytes({&bytes, 1}));
  Arena arena(memory.data(), memory.size());
  const auto file = read_gguf({&bytes, 1}, arena);
  ASSERT_TRUE(file.ok()) << file.status().message();
  int32_t n_compared = 0;
  for (const char* name : {"Q2_K", "Q4_K", "Q5_K", "Q6_K"}) {
    const Tensor* t = file->tensor(std::string("kq.") + name + ".weight");
    ASSERT_TRUE(t) << name;
    const std::vector<double> wanted = numbers(reference["dequant"][name]);
    std::vector<float> y(t->size());
    ASSERT_EQ(wanted.size(), y.size()) << name;
    for (const Kernels& k : tested_variants()) {
      k.formats[size_t(t->dtype)].dequantize(y.data(), t->data, y.size());
      for (size_t i = 0; i < y.size(); ++i) ASSERT_EQ(double(y[i]), wanted[i]) << name << " " << k.isa << " " << i;
      n_compared += int32_t(y.size());
    }
  }
  EXPECT_EQ(n_compared, 4 * 1024 * int32_t(tested_variants().size()));
}

TEST(tiny_models, agree_with_a_float64_forward) {
  const fs::path folder = outside_data() / "tiny-hf";
  if (!fs::exists(folder)) GTEST_SKIP() << folder << " is not here";
  for (const char* file : {"tiny_llama_f32.gguf", "tiny_llama_f16.gguf", "tiny_llama_q8.gguf"}) {
    SCOPED_TRACE(file);
    const auto source = open(folder / file);
    ASSERT_TRUE(source);
    const ReferenceForward oracle(source->checkpoint());
    Engine engine(source->checkpoint(), kernels(), 1, f32_cache());
    ASSERT_TRUE(engine.status().ok()) << engine.status().message();
    const bool quantised = !engine.model().all_float();
    const Config& c = engine.model().config();
    for (uint64_t seed : {1, 2, 3}) {
      const auto ids = some_ids(c.max_seq_len, c.vocab_size, seed);
      const auto rows = all_logits(engine, ids);
      const auto want = oracle.run(ids);
      ASSERT_EQ(rows.size(), ids.size());
      double spread = 0, off = 0;
      for (size_t t = 0; t < ids.size(); ++t) {
        off = std::max(off, largest_difference(rows[t], want[t]));
        for (double v : want[t]) spread = std::max(spread, std::abs(v));
      }
      EXPECT_LE(off, quantised ? 1e-3 * spread : 2e-5);
    }
  }
}

TEST(formula_models, agree_with_a_float64_forward) {
  for (const char* architecture : {"llama", "qwen2", "qwen3", "qwen3moe", "qwen2moe"})
    for (DType dtype : {DType::f32, DType::f16, DType::bf16, DType::q8_0, DType::q4_0}) {
      SCOPED_TRACE(std::string(architecture) + " " + std::string(label(dtype)));
      TinyCheckpoint tiny(architecture, dtype);
      const Checkpoint checkpoint = tiny.get();
      const auto ids = some_ids(80, 80);
      const auto want = ReferenceForward(checkpoint).run(ids);
      Engine engine(checkpoint, kernels(), 2, f32_cache());
      const auto rows = all_logits(engine, ids);
      double ss = 0, error_ss = 0, off = 0;
      for (size_t t = 0; t < ids.size(); ++t)
        for (size_t i = 0; i < want[t].size(); ++i) {
          const double error = std::abs(double(rows[t][i]) - want[t][i]);
          ss += want[t][i] * want[t][i], error_ss += error * error, off = std::max(off, error);
        }
      const double spread = std::sqrt(ss / double(80 * 80)), typical = std::sqrt(error_ss / double(80 * 80));
      EXPECT_LE(typical, (is_quantised(dtype) ? 2e-3 : 2e-6) * spread);
      EXPECT_LE(off, (is_quantised(dtype) ? 5e-2 : 2e-5) * spread);
    }
}

}  // namespace
}  // namespace synapse::test
