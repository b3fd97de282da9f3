// Models against reference numbers. Those in tests/golden need no weight files (weights by formula) or the bundled
// model; the rest run where the folder of outside data is ($SYNAPSE_TEST_DATA, else ../shared/data).
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>

#include <unistd.h>

#include "embed.h"
#include "formula.h"
#include "reference_forward.h"
#include "synapse/base/json.h"
#include "synapse/import/safetensors.h"
#include "synapse/import/source.h"
#include "synapse/io/gguf.h"
#include "tiny_model.h"

namespace synapse::test {
namespace {

namespace fs = std::filesystem;

const fs::path kSource = SYNAPSE_SOURCE_DIR;

// Under a sanitizer, which is slow, the best of the variants and the shorter prompts of a golden: that all variants give
// the same is a test of its own.
constexpr size_t kSanitizedTokens = 64;
std::span<const Kernels> tested_variants() {
  const auto all = kernel_variants();
  return all.subspan(SYNAPSE_IS_SANITIZED ? all.size() - 1 : 0);
}

fs::path outside_data() {
  const char* given = std::getenv("SYNAPSE_TEST_DATA");
  return given ? fs::path(given) : kSource / ".." / "shared" / "data";
}

// A JSON file and the memory it is read into.
class Json {
 public:
  explicit Json(const fs::path& path) {
    std::ifstream in(path, std::ios::binary);
    bytes_.assign(std::istreambuf_iterator<char>(in), {});
    const std::span<const uint8_t> text(reinterpret_cast<const uint8_t*>(bytes_.data()), bytes_.size());
    memory_.resize(json_arena_bytes(text) + 4096);
    Arena arena(memory_.data(), memory_.size());
    auto parsed = parse_json(text, arena);
    if (!parsed.ok()) ADD_FAILURE() << path << ": " << parsed.status().message();
    else document_ = *parsed;
  }
  JsonValue operator[](std::string_view key) const { return document_.root()[key]; }

 private:
  std::string bytes_;
  std::vector<uint8_t> memory_;
  JsonDocument document_;
};

std::vector<int32_t> ints(JsonValue array) {
  std::vector<int32_t> out;
  for (JsonValue v : array.elements()) out.push_back(int32_t(v.as_int().value_or(-1)));
  return out;
}
std::vector<double> numbers(JsonValue array) {
  std::vector<double> out;
  for (JsonValue v : array.elements()) out.push_back(v.as_number().value_or(NAN));
  return out;
}

// A folder that goes when the test does.
struct TemporaryFolder {
  fs::path path = fs::temp_directory_path() / ("synapse-golden-" + std::to_string(getpid()));
  TemporaryFolder() { fs::create_directories(path); }
  ~TemporaryFolder() { fs::remove_all(path); }
};

std::unique_ptr<Source> open(const fs::path& path) {
  char text[4096];
  Faults faults(text);
  auto source = Source::open(path.string(), faults);
  if (!source.ok()) ADD_FAILURE() << path << ": " << source.status().message() << "\n" << faults.lines();
  return source.ok() ? std::move(*source) : nullptr;
}

SessionOptions f32_cache() {
  SessionOptions o;
  o.k_dtype = o.v_dtype = DType::f32;
  return o;
}

// Logits of every position.
struct AllLogits {
  std::vector<std::vector<float>> rows;
  LogitSink sink() {
    return {[](void* self, int32_t, std::span<const float> row) -> Status {
              static_cast<AllLogits*>(self)->rows.emplace_back(row.begin(), row.end());
              return {};
            },
            this};
  }
};
std::vector<std::vector<float>> all_logits(Engine& e, const std::vector<int32_t>& ids, int32_t chunk = 512) {
  AllLogits all;
  const LogitSink sink = all.sink();
  const Status fed = e.session(chunk, int32_t(ids.size())).feed(ids, &sink);
  EXPECT_TRUE(fed.ok()) << fed.message();
  return all.rows;
}

double largest_difference(std::span<const float> got, const std::vector<double>& want) {
  EXPECT_EQ(got.size(), want.size());
  double most = 0;
  for (size_t i = 0; i < got.size(); ++i) most = std::max(most, std::abs(double(got[i]) - want[i]));
  return most;
}

std::vector<int32_t> greedy(Engine& e, const std::vector<int32_t>& prompt, size_t n) {
  Session& s = e.session();
  EXPECT_TRUE(s.feed(prompt).ok());
  SamplerOptions sampler;
  sampler.temperature = 0;
  std::vector<int32_t> out;
  while (out.size() < n) out.push_back(s.next(sampler)->id);
  return out;
}

double mean_nll(Engine& e, const std::vector<int32_t>& ids) {
  const auto rows = all_logits(e, ids);
  double sum = 0;
  for (size_t i = 0; i + 1 < ids.size(); ++i) sum -= double(log_probability(rows[i], ids[i + 1]));
  return sum / double(ids.size() - 1);
}

// A Hugging Face folder of a golden whose tensors are formulas of their names.
void write_folder(const fs::path& golden_file, const Json& golden, const fs::path& folder) {
  std::ifstream in(golden_file);
  const std::string all(std::istreambuf_iterator<char>(in), {});
  const size_t at = all.find("\"config\""), open = all.find('{', at);  // the config as it stands, with no braces in strings
  size_t depth = 0, end = open;
  do depth += all[end] == '{', depth -= all[end] == '}', ++end;
  while (depth);
  std::ofstream(folder / "config.json") << all.substr(open, end - open);

  std::deque<std::vector<float>> data;
  std::vector<NamedTensor> tensors;
  for (JsonValue t : golden["tensors"].elements()) {
    const std::string_view name = t.at(0).as_string();
    const auto dims = ints(t.at(1));
    const double base = *t.at(2).as_number(), scale = *t.at(3).as_number();
    Tensor tensor = dims.size() == 1   ? make_tensor(nullptr, DType::f32, {dims[0]})
                    : dims.size() == 2 ? make_tensor(nullptr, DType::f32, {dims[0], dims[1]})
                                       : make_tensor(nullptr, DType::f32, {dims[0], dims[1], dims[2]});
    auto& values = data.emplace_back(tensor.size());
    for (size_t i = 0; i < values.size(); ++i) values[i] = golden::formula(name, i, base, scale);
    tensor.data = values.data();
    tensors.push_back({name, tensor});
  }
  std::ofstream out(folder / "model.safetensors", std::ios::binary);
  const Sink sink{[](void* file, std::span<const uint8_t> bytes) -> Status {
                    static_cast<std::ofstream*>(file)->write(reinterpret_cast<const char*>(bytes.data()),
                                                             std::streamsize(bytes.size()));
                    return {};
                  },
                  &out};
  ASSERT_TRUE(write_safetensors(sink, tensors).ok());
}

class FormulaGolden : public testing::TestWithParam<const char*> {};

TEST_P(FormulaGolden, logits_are_within_1e_4_of_their_spread) {
  const fs::path file = kSource / "tests" / "golden" / (std::string(GetParam()) + ".json");
  const Json golden(file);
  TemporaryFolder folder;
  write_folder(file, golden, folder.path);
  const auto source = open(folder.path);
  ASSERT_TRUE(source);
  for (const Kernels& k : tested_variants()) {
    Engine engine(source->checkpoint(), k, 2, f32_cache());
    ASSERT_TRUE(engine.status().ok()) << engine.status().message();
    for (JsonValue c : golden["cases"].elements()) {
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

constexpr const char* kGoldens[] = {
    "bamba",
    "falcon-h1",
    "gemma",
    "gemma2",
    "gemma3",
    "glm4",
    "gpt-neox",
    "gpt2",
    "granite",
    "jamba",
    "llama-bias",
    "llama3",
    "mamba",
    "mamba2",
    "mistral-window",
    "olmo2",
    "phi2",
    "phi3",
    "phi3-longrope",
    "qwen2",
    "qwen2-moe",
    "qwen3",
    "qwen3-moe",
    "qwen3-next",
    "stablelm",
    "starcoder2",
};
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
  const fs::path file = kSource / "tests" / "golden" / (std::string(GetParam()) + ".json");
  const Json golden(file);
  TemporaryFolder folder;
  write_folder(file, golden, folder.path);
  const auto source = open(folder.path);
  ASSERT_TRUE(source);
  for (const Kernels& k : tested_variants()) {
    SCOPED_TRACE(k.isa);
    Engine engine(source->checkpoint(), k, 2, default_cache());
    ASSERT_TRUE(engine.status().ok()) << engine.status().message();
    for (JsonValue c : golden["cases"].elements())
      check_encoder(engine, source->checkpoint(), ints(c["ids"]), {}, ints(c["positions"]), c["hidden"], c["mean"],
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
