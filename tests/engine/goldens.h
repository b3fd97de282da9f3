// Reference numbers and the models that they are of. Those in tests/golden need no weight files: weights by formula.
#pragma once
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>

#include <unistd.h>

#include "formula.h"
#include "synapse/base/json.h"
#include "synapse/import/safetensors.h"
#include "synapse/import/source.h"
#include "tiny_model.h"

namespace synapse::test {

namespace fs = std::filesystem;

inline const fs::path kSource = SYNAPSE_SOURCE_DIR;

// Under a sanitizer, which is slow, the best of the variants and the shorter prompts of a golden: that all variants give
// the same is a test of its own.
inline constexpr size_t kSanitizedTokens = 64;
inline std::span<const Kernels> tested_variants() {
  const auto all = kernel_variants();
  return all.subspan(SYNAPSE_IS_SANITIZED ? all.size() - 1 : 0);
}

inline fs::path outside_data() {
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

inline std::vector<int32_t> ints(JsonValue array) {
  std::vector<int32_t> out;
  for (JsonValue v : array.elements()) out.push_back(int32_t(v.as_int().value_or(-1)));
  return out;
}
inline std::vector<double> numbers(JsonValue array) {
  std::vector<double> out;
  for (JsonValue v : array.elements()) out.push_back(v.as_number().value_or(NAN));
  return out;
}

// A folder that goes when the test does.
struct TemporaryFolder {
  fs::path path = fs::temp_directory_path() / ("synapse-golden-" + std::to_string(getpid()) + "-" + std::to_string(count()++));
  TemporaryFolder() { fs::create_directories(path); }
  ~TemporaryFolder() { fs::remove_all(path); }
  static int& count() {
    static int n = 0;
    return n;
  }
};

inline std::unique_ptr<Source> open(const fs::path& path) {
  char text[4096];
  Faults faults(text);
  auto source = Source::open(path.string(), faults);
  if (!source.ok()) ADD_FAILURE() << path << ": " << source.status().message() << "\n" << faults.lines();
  return source.ok() ? std::move(*source) : nullptr;
}

inline SessionOptions f32_cache() {
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
inline std::vector<std::vector<float>> all_logits(Engine& e, const std::vector<int32_t>& ids, int32_t chunk = 512) {
  AllLogits all;
  const LogitSink sink = all.sink();
  const Status fed = e.session(chunk, int32_t(ids.size())).feed(ids, &sink);
  EXPECT_TRUE(fed.ok()) << fed.message();
  return all.rows;
}

inline double largest_difference(std::span<const float> got, const std::vector<double>& want) {
  EXPECT_EQ(got.size(), want.size());
  double most = 0;
  for (size_t i = 0; i < got.size(); ++i) most = std::max(most, std::abs(double(got[i]) - want[i]));
  return most;
}

inline std::vector<int32_t> greedy(Engine& e, const std::vector<int32_t>& prompt, size_t n) {
  Session& s = e.session();
  EXPECT_TRUE(s.feed(prompt).ok());
  SamplerOptions sampler;
  sampler.temperature = 0;
  std::vector<int32_t> out;
  while (out.size() < n) out.push_back(s.next(sampler)->id);
  return out;
}

inline double mean_nll(Engine& e, const std::vector<int32_t>& ids) {
  const auto rows = all_logits(e, ids);
  double sum = 0;
  for (size_t i = 0; i + 1 < ids.size(); ++i) sum -= double(log_probability(rows[i], ids[i + 1]));
  return sum / double(ids.size() - 1);
}

inline void write_tensors(const fs::path& file, std::span<const NamedTensor> tensors) {
  std::ofstream out(file, std::ios::binary);
  const Sink sink{[](void* self, std::span<const uint8_t> bytes) -> Status {
                    static_cast<std::ofstream*>(self)->write(reinterpret_cast<const char*>(bytes.data()), std::streamsize(bytes.size()));
                    return {};
                  },
                  &out};
  ASSERT_TRUE(write_safetensors(sink, tensors).ok());
}

// A Hugging Face folder of a golden whose tensors are formulas of their names.
inline void write_folder(const fs::path& golden_file, const Json& golden, const fs::path& folder) {
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
  write_tensors(folder / "model.safetensors", tensors);
}

// A golden of tests/golden as a model.
struct Golden {
  explicit Golden(std::string_view name) : json(file(name)) {
    write_folder(file(name), json, folder.path);
    source = open(folder.path);
  }
  static fs::path file(std::string_view name) { return kSource / "tests" / "golden" / (std::string(name) + ".json"); }

  Json json;
  TemporaryFolder folder;
  std::unique_ptr<Source> source;  // null after a failure
};

// The language models among them.
inline constexpr const char* kGoldens[] = {
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
    "qwen2-yarn",
    "qwen3",
    "qwen3-moe",
    "qwen3-next",
    "stablelm",
    "starcoder2",
};

}  // namespace synapse::test
