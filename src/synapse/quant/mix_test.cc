// The formats that choose_formats gives, against those that llama-quantize gave (tests/golden/make_quantize_types.py).
#include "synapse/quant/mix.h"

#include <gtest/gtest.h>

#include <charconv>
#include <deque>
#include <fstream>
#include <map>
#include <sstream>

#include "synapse/base/json.h"
#include "synapse/import/metadata.h"

namespace synapse {
namespace {

// A model without data: names and shapes, and numbers as metadata.
struct Shapes {
  Metadata metadata;
  std::deque<std::string> names;
  std::vector<NamedTensor> tensors;
  std::vector<uint8_t> memory = std::vector<uint8_t>(1 << 16);
  Checkpoint checkpoint;

  void add(const std::string& name, std::initializer_list<int32_t> dims, DType dtype = DType::f32) {
    tensors.push_back({names.emplace_back(name), make_tensor(nullptr, dtype, dims)});
  }
  void finish() {
    checkpoint.metadata = metadata.entries(), checkpoint.tensors = tensors;
    Arena arena(memory.data(), memory.size());
    ASSERT_TRUE(checkpoint.index(arena).ok());
  }
};

// Calls f(name, value) for {"blk.*.x": {"0-3": value}, "y": {"": value}}.
template <typename F>
void for_each_tensor(JsonValue runs, F&& f) {
  for (const auto& [pattern, values] : runs.members())
    for (const auto& [range, value] : values.members()) {
      const size_t star = pattern.find('*'), dash = range.find('-');
      if (star == pattern.npos) {
        f(std::string(pattern), value);
        continue;
      }
      int first = 0, last = 0;
      std::from_chars(range.data(), range.data() + dash, first);
      std::from_chars(range.data() + dash + 1, range.data() + range.size(), last);
      for (int layer = first; layer <= last; ++layer)
        f(std::string(pattern.substr(0, star)) + std::to_string(layer) + std::string(pattern.substr(star + 1)), value);
    }
}

void read_model(JsonValue model, Shapes& out) {
  const std::string arch(model["arch"].as_string());
  out.metadata.text("general.architecture", arch);
  for (const auto& [key, value] : model["keys"].members()) {
    std::vector<int32_t> list;
    for (const JsonValue v : value.elements()) list.push_back(int32_t(v.as_int().value_or(0)));
    const std::string name = arch + "." + std::string(key);
    if (value.is_array()) out.metadata.put(name, meta_array(list));
    else if (value.as_int()) out.metadata.put(name, meta_u32(uint32_t(*value.as_int())));
  }
  for_each_tensor(model["tensors"], [&](const std::string& name, JsonValue size) {
    const auto cols = int32_t(size.is_array() ? *size.at(0).as_int() : *size.as_int());
    const auto n = int32_t(size.is_array() ? *size.at(1).as_int() : 0);
    if (name.ends_with("_norm.weight")) out.add(name, {cols});
    else if (n > 1) out.add(name, {n, 2, cols});
    else out.add(name, {2, cols});
  });
  out.finish();
}

TEST(mix, every_tensor_gets_the_format_that_llama_quantize_chose) {
  std::ifstream file(SYNAPSE_SOURCE_DIR "/tests/golden/quantize_types.json");
  std::stringstream text;
  text << file.rdbuf();
  const std::string golden = text.str();
  std::vector<uint8_t> memory(64 + json_arena_bytes({reinterpret_cast<const uint8_t*>(golden.data()), golden.size()}));
  Arena arena(memory.data(), memory.size());
  const auto json = parse_json(std::string_view(golden), arena);
  ASSERT_TRUE(json.ok()) << json.status().message();
  size_t n_checked = 0;
  for (const auto& [name, model] : json->root()["models"].members()) {
    Shapes shapes;
    read_model(model, shapes);
    for (const auto& [mix, types] : model["types"].members()) {
      MixOptions options;
      options.mix = find_mix(mix.substr(0, mix.find(' ')));
      options.has_imatrix = mix.ends_with(" imatrix");
      ASSERT_TRUE(options.mix) << mix;
      std::map<std::string_view, DType> chosen;
      const std::vector<Choice> choices = choose_formats(shapes.checkpoint, options);
      for (size_t i = 0; i < choices.size(); ++i) chosen[shapes.tensors[i].name] = choices[i].dtype;
      for_each_tensor(types, [&, model_name = name, mix_name = mix](const std::string& tensor, JsonValue type) {
        ++n_checked;
        EXPECT_EQ(label(chosen.at(tensor)), type.as_string()) << model_name << ", " << mix_name << ": " << tensor;
      });
    }
  }
  EXPECT_GT(n_checked, 50000u);
}

class SmallModel : public testing::Test {
 protected:
  void SetUp() override {
    shapes.metadata.text("general.architecture", "llama");
    shapes.metadata.put("llama.block_count", meta_u32(1));
    shapes.add("token_embd.weight", {4, 256}), shapes.add("output.weight", {4, 256});
    shapes.add("blk.0.attn_q.weight", {4, 256}), shapes.add("blk.0.attn_k.weight", {4, 256});
    shapes.add("blk.0.ffn_down.weight", {4, 40}), shapes.add("blk.0.ffn_norm.weight", {256}, DType::bf16);
    shapes.add("blk.0.ffn_gate_inp.weight", {4, 256}, DType::bf16);
    shapes.finish();
    options.mix = find_mix("q4_k_m");
  }
  std::vector<std::string> labels() const {
    std::vector<std::string> out;
    for (const Choice& c : choose_formats(shapes.checkpoint, options)) out.emplace_back(label(c.dtype));
    return out;
  }
  using Labels = std::vector<std::string>;
  Shapes shapes;
  MixOptions options;
};

TEST_F(SmallModel, what_is_asked_for_by_name_goes_before_the_rules) {
  EXPECT_EQ(labels(), (Labels{"Q4_K", "Q6_K", "Q4_K", "Q4_K", "F16", "F32", "BF16"}));
  options.tensor_types.emplace_back(std::regex("attn_[qv]"), DType::q8_0);
  options.tensor_types.emplace_back(std::regex("attn"), DType::q5_0);
  EXPECT_EQ(labels(), (Labels{"Q4_K", "Q6_K", "Q8_0", "Q5_0", "F16", "F32", "BF16"}));
  options.output = DType::f16, options.token_embedding = DType::q2_k;
  EXPECT_EQ(labels(), (Labels{"Q2_K", "F16", "Q8_0", "Q5_0", "F16", "F32", "BF16"}));
  options = MixOptions();
  options.mix = find_mix("Q5_0"), options.pure = true;
  EXPECT_EQ(labels(), (Labels{"Q5_0", "Q5_0", "Q5_0", "Q5_0", "F16", "F32", "BF16"}));
}

TEST_F(SmallModel, what_could_not_be_had_is_told) {
  const std::vector<Choice> choices = choose_formats(shapes.checkpoint, options);
  EXPECT_EQ(choices[4].why, "Q6_K");  // the only layer is among the first eighth
  EXPECT_EQ(choices[0].why, "");
}

TEST(mix, names) {
  EXPECT_EQ(find_mix("q4_k")->name, "Q4_K_M");
  EXPECT_EQ(find_mix("iq4_xs")->file_type.value_or(0), 30u);
  EXPECT_EQ(find_mix("Q4_K_L"), nullptr);
  EXPECT_EQ(find_mix(""), nullptr);
}

}  // namespace
}  // namespace synapse
