// A model that is wrong is described, all of it at once, and never built.
#include <gtest/gtest.h>

#include <cmath>

#include "synapse/runtime/plan.h"
#include "tiny_model.h"

namespace synapse::test {
namespace {

Status build(const Checkpoint& c) { return Engine(c, kernels(), 1, default_cache()).status(); }

MetaValue& number(TinyCheckpoint& t, std::string_view key) {
  for (MetaEntry& e : t.metadata())
    if (e.key == key) return e.value;
  throw std::runtime_error("no such key");
}

TEST(model, reports_every_fault_at_once) {
  TinyCheckpoint t("qwen3", DType::f32);
  auto& tensors = t.tensors();
  const auto gone = std::remove_if(tensors.begin(), tensors.end(),
                                   [](const NamedTensor& n) { return n.name == "blk.1.attn_k.weight"; });
  tensors = tensors.first(size_t(gone - tensors.begin()));
  for (NamedTensor& n : tensors) {
    if (n.name == "blk.0.attn_q.weight") n.tensor = make_tensor(n.tensor.data, DType::f32, {64, 64});
    if (n.name == "output_norm.weight") n.name = "output_nrom.weight";
  }
  const Status s = build(t.get());
  EXPECT_EQ(s.code(), Code::corrupt);
  EXPECT_EQ(s.message(),
            "model: 4 faults: blk.0.attn_q.weight: shape (64, 64), config wants (128, 64); blk.1.attn_k.weight: missing, "
            "wanted (64, 64); output_norm.weight: missing, wanted (64); output_nrom.weight: qwen3 has no use for it");
}

TEST(model, absurd_numbers_are_faults) {
  const auto with = [](std::string_view key, auto set) {
    TinyCheckpoint t("llama", DType::f32);
    set(number(t, key));
    return std::string(build(t.get()).message());
  };
  EXPECT_EQ(with("llama.block_count", [](MetaValue& v) { v.u = 0; }), "llama.block_count: 0, wanted 1 to 4096");
  EXPECT_EQ(with("llama.embedding_length", [](MetaValue& v) { v.u = uint64_t(1) << 40; }),
            "llama.embedding_length: 1099511627776, wanted 1 to 1048576");
  EXPECT_EQ(with("llama.rope.freq_base", [](MetaValue& v) { v.f = NAN; }), "llama.rope.freq_base: nan, wanted 1 to 1e12");
  EXPECT_EQ(with("llama.attention.layer_norm_rms_epsilon", [](MetaValue& v) { v.f = INFINITY; }),
            "llama.attention.layer_norm_rms_epsilon: inf, wanted 0 to 1");
  EXPECT_EQ(with("llama.attention.head_count_kv", [](MetaValue& v) { v.u = 3; }),
            "head_count 4 is no multiple of head_count_kv 3");
  EXPECT_EQ(with("llama.context_length", [](MetaValue& v) { v.type = MetaType::string; }),
            "llama.context_length: not an integer");
}

// An entry more than the formula model has.
MetaValue& add_number(TinyCheckpoint& t, std::string_view key) {
  auto& metadata = t.metadata();
  metadata = {metadata.data(), metadata.size() + 1};  // its table has room
  metadata.back() = {key, {}};
  return metadata.back().value;
}

Config config_of(TinyCheckpoint& t) {
  const Checkpoint checkpoint = t.get();
  Engine engine(checkpoint, kernels(), 1, default_cache());
  EXPECT_TRUE(engine.status().ok()) << engine.status().message();
  return engine.status().ok() ? engine.model().config() : Config();
}

TEST(model, layers_have_a_window_by_pattern_period_or_all_of_them) {
  Shape shape;
  shape.window = 40, shape.n_layers = 4;
  const auto sliding = [&](std::string_view architecture, auto set) {
    TinyCheckpoint t(architecture, DType::f32, shape);
    set(t);
    const Config c = config_of(t);
    std::string text;
    for (int32_t i = 0; i < c.n_layers; ++i) text += c.layer(i).sliding ? 's' : 'f';
    EXPECT_EQ(c.window_of(1), text[1] == 's' ? 40 : 0);
    return text;
  };
  EXPECT_EQ(sliding("llama", [](TinyCheckpoint&) {}), "ssss");
  EXPECT_EQ(sliding("gemma2", [](TinyCheckpoint&) {}), "sfsf");  // the family's default
  EXPECT_EQ(sliding("gemma2", [](TinyCheckpoint& t) { add_number(t, "gemma2.attention.sliding_window_pattern").u = 3; }), "ssfs");
  static const bool kPattern[] = {false, true, true, false};
  EXPECT_EQ(sliding("gemma2", [](TinyCheckpoint& t) { add_number(t, "gemma2.attention.sliding_window_pattern") = meta_array(kPattern); }), "fssf");
  TinyCheckpoint wrong("gemma2", DType::f32, shape);
  add_number(wrong, "gemma2.attention.sliding_window_pattern") = meta_array(std::span(kPattern).first(3));
  EXPECT_EQ(build(wrong.get()).message(), "gemma2.attention.sliding_window_pattern: wanted a period, or a boolean for each of 4 layers");
}

TEST(model, numbers_by_layer_are_one_size_or_none) {
  static const int32_t kSame[] = {2, 2}, kMixed[] = {2, 1}, kLong[] = {2, 2, 2};
  const auto with = [](std::span<const int32_t> heads) {
    TinyCheckpoint t("llama", DType::f32);
    number(t, "llama.attention.head_count_kv") = meta_array(heads);
    return std::string(build(t.get()).message());
  };
  EXPECT_EQ(with(kSame), "");
  EXPECT_EQ(with(kMixed), "llama.attention.head_count_kv: 1 in layer 1 after 2; layers of different sizes are not run");
  EXPECT_EQ(with(kLong), "llama.attention.head_count_kv: an array of 3, wanted a number for each of 2 layers");
}

// A family of the test's own over the formula model of another.
std::string build_as(TinyCheckpoint& t, std::string_view model_json) {
  const Family family{"own", model_json, {}};
  char text[4096];
  Faults faults(text);
  const Checkpoint checkpoint = t.get();
  auto* pool = *platform::ThreadPool::create(1);
  CpuDevice device(kernels(), *pool);
  std::vector<uint8_t> memory(Model::arena_bytes(checkpoint));
  Arena arena(memory.data(), memory.size());
  const auto model = Model::build(checkpoint, device, arena, faults, {{&family, 1}});
  platform::ThreadPool::destroy(pool);
  return model.ok() ? "" : std::string(faults.none() ? model.status().message() : faults.lines());
}

TEST(model, blocks_are_there_when_the_layer_is_what_they_ask_for) {
  static const int32_t kHybrid[] = {0, 2};
  const auto faults = [](std::string_view when) {
    TinyCheckpoint t("llama", DType::f32);
    number(t, "llama.attention.head_count_kv") = meta_array(kHybrid);
    const std::string json = R"({"architectures": ["llama"], "layer": [{"block": "attention", "rope": "interleaved", "when": ")" +
                             std::string(when) + R"("}, {"block": "ffn", "when": "dense"}], "output": {}})";
    return build_as(t, json);
  };
  EXPECT_EQ(faults("full"), "");
  EXPECT_NE(faults("attention").find("blk.0.attn_q.weight: own has no use for it"), std::string::npos) << faults("attention");
  EXPECT_EQ(faults("attention").find("blk.1."), std::string::npos);
  EXPECT_NE(faults("recurrent").find("blk.1.attn_q.weight: own has no use for it"), std::string::npos);
  EXPECT_NE(faults("sliding").find("blk.0.attn_q.weight"), std::string::npos);
  EXPECT_NE(faults("sideways").find("\"when\" is \"sideways\", wanted one of: sliding full recurrent attention moe dense parallel sequential"),
            std::string::npos) << faults("sideways");
}

TEST(model, a_wiring_that_says_nothing_or_something_else_is_a_fault) {
  TinyCheckpoint t("llama", DType::f32);
  for (const auto& [json, message] : {
           std::pair(R"({"architectures": ["llama"]})", "model.json: no \"layer\" with blocks"),
           std::pair(R"({"architectures": ["llama"], "layer": [{"block": "parallel"}]})", "\"parallel\" without \"blocks\" in layer 0"),
           std::pair(R"({"architectures": ["llama"], "layer": [{"block": "cube"}]})", "no block is called cube"),
           std::pair(R"({"architectures": ["llama"], "layer": [{"block": "ffn", "norm": "l3"}]})", "\"norm\" is \"l3\""),
           std::pair(R"({"architectures": ["llama"], "embedding": {"positions": true}, "layer": [{"block": "ffn"}]})",
                     "position_embd.weight: missing, wanted (512, 64)"),
           std::pair("{", "models/own/model.json: json: ")})
    EXPECT_NE(build_as(t, json).find(message), std::string::npos) << build_as(t, json);
}

TEST(model, an_unknown_architecture_is_named_with_those_there_are) {
  TinyCheckpoint t("llama", DType::f32);
  t.metadata()[0].value.text = "gpt5";
  const Status s = build(t.get());
  EXPECT_EQ(s.code(), Code::unsupported);
  EXPECT_NE(s.message().find("\"gpt5\" is not a family we know (docs/add-a-model.md"), std::string_view::npos);
  EXPECT_NE(s.message().find("qwen3"), std::string_view::npos);
}

TEST(model, a_format_that_is_not_run_is_refused_by_tensor_and_name) {
  TinyCheckpoint t("llama", DType::f32);
  for (NamedTensor& n : t.tensors())
    if (n.name == "blk.0.ffn_up.weight") n.tensor = make_tensor(n.tensor.data, DType::q8_1, {96, 64});
  const std::string message(build(t.get()).message());
  EXPECT_NE(message.find("blk.0.ffn_up.weight"), std::string::npos) << message;
  EXPECT_NE(message.find("Q8_1"), std::string::npos) << message;
}

// Blocks of any bytes, scales that are NaN and infinite among them: numbers, or an error that says what is wrong.
TEST(model, weights_of_any_bytes_give_logits_or_an_error) {
  Shape shape;
  shape.dim = shape.hidden_dim = 256, shape.n_heads = 8, shape.n_layers = 1;
  const auto ids = some_ids(5, 80);
  for (size_t f = 0; f < kNDTypes; ++f) {
    if (!kernels().formats[f].dequantize) continue;
    TinyCheckpoint t("qwen3", DType::f32, shape);
    std::deque<std::vector<uint8_t>> bytes;
    for (NamedTensor& n : t.tensors()) {
      if (n.tensor.rank < 2) continue;
      const int32_t rows = n.tensor.rows(), cols = n.tensor.cols();
      auto& data = bytes.emplace_back(size_t(rows) * row_bytes(DType(f), cols));
      for (size_t i = 0; i < data.size(); ++i) data[i] = uint8_t(random_bits(f + bytes.size(), i));
      n.tensor = make_tensor(data.data(), DType(f), {rows, cols});
    }
    for (const Kernels& k : kernel_variants()) {
      Engine e(t.get(), k, 1, default_cache());
      ASSERT_TRUE(e.status().ok()) << e.status().message();
      const Status status = e.session().feed(ids);
      EXPECT_TRUE(status.ok() || status.message().find("damaged weights") != std::string_view::npos) << label(DType(f)) << status.message();
    }
    for (auto& data : bytes) std::fill(data.begin(), data.end(), uint8_t(0xFF));
    Engine e(t.get(), kernels(), 1, default_cache());
    const Status status = e.session().feed(ids);
    EXPECT_EQ(status.code(), Code::corrupt) << label(DType(f)) << ": " << status.message();
  }
}

TEST(plan, grows_with_the_context_and_fits_a_budget) {
  TinyCheckpoint t("qwen3", DType::q8_0);
  const Checkpoint c = t.get();
  Engine e(c, kernels(), 1, default_cache());
  SessionOptions o;
  o.chunk = 64, o.max_seq_len = 64;
  const MemoryPlan small = plan_memory(e.model(), e.device(), o);
  o.max_seq_len = 512;
  const MemoryPlan large = plan_memory(e.model(), e.device(), o);
  EXPECT_EQ(large.cache_bytes, small.cache_bytes * 8);
  EXPECT_EQ(small.cache_bytes, size_t(2 * 2) * 64 * 32 * 2 * 2);  // layers, heads, positions, head dim, k and v, f16
  EXPECT_GT(large.total(), small.total());

  const MemoryPlan within = plan_within(e.model(), e.device(), o, 1000, small.total() + 1000);
  EXPECT_EQ(within.n_positions, 64);
  EXPECT_EQ(plan_within(e.model(), e.device(), o, 1000, small.total() + 999).n_positions, 0);
  EXPECT_EQ(plan_within(e.model(), e.device(), o, 0, size_t(1) << 40).n_positions, 512);
}

}  // namespace
}  // namespace synapse::test
