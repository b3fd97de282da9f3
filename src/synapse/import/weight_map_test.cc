// Foreign tensors and numbers through a weights.json of the test's own.
#include "synapse/import/weight_map.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "synapse/import/hf_config.h"

namespace synapse {
namespace {

class Map {
 public:
  Map(std::string weights, std::string config) : weights_(std::move(weights)), config_(std::move(config)) {
    map_.root = parse_json(weights_, arena_)->root();
    map_.architecture = "test";
    values_.emplace(parse_json(config_, arena_)->root());
  }

  // Elements 0, 1, 2 ... of a float32 tensor.
  Map& tensor(std::string_view name, std::initializer_list<int32_t> dims, float first = 0) {
    Tensor t = make_tensor(nullptr, DType::f32, dims);
    auto& data = data_.emplace_back(t.size());
    for (size_t i = 0; i < data.size(); ++i) data[i] = first + float(i);
    t.data = data.data();
    tensors_.push_back({name, t});
    return *this;
  }
  void run(int32_t n_layers = 1) { out_ = map_tensors(map_, *values_, n_layers, tensors_, texts_, arena_, faults_); }
  HfConfig config() { return *read_hf_config(map_, *values_, {}, texts_, arena_, faults_); }

  const Tensor& at(std::string_view name) const {
    static const Tensor none;
    for (const NamedTensor& t : out_)
      if (t.name == name) return t.tensor;
    ADD_FAILURE() << name << " is not there";
    return none;
  }
  std::vector<float> floats(std::string_view name) const {
    const Tensor& t = at(name);
    const float* x = static_cast<const float*>(t.data);
    return {x, x + t.size()};
  }
  size_t size() const { return out_.size(); }
  std::string faults() const { return std::string(faults_.lines()); }
  const HfValues& values() const { return *values_; }

 private:
  std::string weights_, config_;
  std::vector<uint8_t> memory_ = std::vector<uint8_t>(1 << 18);
  Arena arena_{memory_.data(), memory_.size()};
  WeightMap map_;
  std::optional<HfValues> values_;
  std::deque<std::vector<float>> data_;
  std::vector<NamedTensor> tensors_, out_;
  std::deque<std::string> texts_;
  char lines_[2048];
  Faults faults_{lines_};
};

std::string one_rule(const std::string& rule) { return R"({"tensors": {"x": )" + rule + "}}"; }

using Floats = std::vector<float>;

TEST(hf_values, products_of_names_roots_and_numbers) {
  std::string text = R"({"a": 6, "b": 4, "s": "no", "text_config": {"a": 3}})";
  std::vector<uint8_t> memory(4096);
  Arena arena(memory.data(), memory.size());
  HfValues v(parse_json(text, arena)->root());
  EXPECT_EQ(v.number("a"), 3);  // text_config goes before
  EXPECT_EQ(v.number("a*b/2"), 6);
  EXPECT_EQ(v.number("1/sqrt(b)"), 0.5);
  v.set("attention.key_length", 5);
  EXPECT_EQ(v.number("attention.key_length*b"), 20);
  for (const char* none : {"", "c", "s", "a*", "a*c", "sqrt(c)", "a/0", "-1", "a b", "sqrt(a"}) EXPECT_EQ(v.number(none), std::nullopt) << none;
}

TEST(match_name, layers_experts_and_any_rest) {
  NameMatch m;
  EXPECT_TRUE(match_name("l.{i}.e.{e}.w", "l.12.e.3.w", m));
  EXPECT_EQ(m.layer, 12);
  EXPECT_EQ(m.expert, 3);
  EXPECT_TRUE(match_name("vision.*", "vision.a.b", m));
  EXPECT_TRUE(match_name("w", "w", m));
  EXPECT_EQ(m.layer, -1);
  for (const char* other : {"l.1.e.3.", "l.01.e.3.w", "l.-1.e.3.w", "l.x.e.3.w", "l.1.e.3.ww", "l.99999999999.e.3.w", ""})
    EXPECT_FALSE(match_name("l.{i}.e.{e}.w", other, m)) << other;
}

TEST(transforms, each_does_what_its_name_says) {
  const auto result = [](const std::string& rule, std::initializer_list<int32_t> dims, float first = 0) {
    Map m(one_rule(R"({"to": "y", )" + rule + "}"), R"({"heads": 2, "kv": 1, "n": 2, "f": 0.5})");
    m.tensor("x", dims, first).run();
    EXPECT_EQ(m.faults(), "");
    return m.floats("y");
  };
  EXPECT_EQ(result(R"("transform": "add_one")", {3}), (Floats{1, 2, 3}));
  EXPECT_EQ(result(R"("transform": "neg_exp")", {2}), (Floats{-1, float(-std::exp(1.0))}));
  EXPECT_EQ(result(R"("transform": "scale", "by": "f")", {3}), (Floats{0, 0.5, 1}));
  EXPECT_EQ(result(R"("transform": "transpose")", {2, 3}), (Floats{0, 3, 1, 4, 2, 5}));
  EXPECT_EQ(result(R"("transform": "slice", "from": 1)", {3, 2}), (Floats{2, 3, 4, 5}));
  EXPECT_EQ(result(R"("transform": "slice", "from": 1, "rows": "kv")", {3, 2}), (Floats{2, 3}));
  EXPECT_EQ(result(R"("transform": ["add_one", "scale"], "by": 2)", {2}), (Floats{2, 4}));
  // Two heads of four rows: halves become pairs.
  EXPECT_EQ(result(R"("transform": "rope_permute", "heads": "heads")", {8}), (Floats{0, 2, 1, 3, 4, 6, 5, 7}));
  // KV heads of two queries, a key and a value each, of one row: q q q q k k v v.
  EXPECT_EQ(result(R"("transform": "qkv_by_head", "heads": "heads*2", "kv_heads": "n")", {8}), (Floats{0, 1, 4, 5, 2, 6, 3, 7}));
}

TEST(transforms, shapes_change_without_a_copy) {
  Map m(R"({"tensors": {"a": {"to": "squeezed", "transform": "squeeze"}, "b": {"to": "reshaped", "transform": "reshape", "dims": ["n", 3]}}})",
        R"({"n": 2})");
  m.tensor("a", {4, 1, 3}).tensor("b", {6}).run();
  EXPECT_EQ(m.faults(), "");
  EXPECT_EQ(m.at("squeezed").rank, 2);
  EXPECT_EQ(m.at("squeezed").dims[1], 3);
  EXPECT_EQ(m.at("reshaped").rank, 2);
  EXPECT_EQ(m.at("reshaped").dims[0], 2);
}

TEST(transforms, parts_split_the_rows_and_experts_stack) {
  Map m(R"({"tensors": {
    "qkv": {"parts": [{"to": "q", "rows": "h*d"}, {"to": "k", "rows": "d"}, {"to": "v", "rows": "d"}]},
    "l.{i}.e.{e}.w": {"to": "blk.{i}.exps", "transform": "stack", "count": "n"}}})",
        R"({"h": 2, "d": 1, "n": 2})");
  m.tensor("qkv", {4, 2}).tensor("l.0.e.1.w", {1, 2}, 10).tensor("l.0.e.0.w", {1, 2}, 20).run();
  EXPECT_EQ(m.faults(), "");
  EXPECT_EQ(m.size(), 4u);
  EXPECT_EQ(m.floats("q"), (Floats{0, 1, 2, 3}));
  EXPECT_EQ(m.floats("v"), (Floats{6, 7}));
  EXPECT_EQ(m.floats("blk.0.exps"), (Floats{20, 21, 10, 11}));
  EXPECT_EQ(m.at("blk.0.exps").rank, 3);
}

TEST(transforms, what_does_not_fit_is_a_fault_with_the_tensor_s_name) {
  const auto fault = [](const std::string& rule) {
    Map m(one_rule(rule), R"({"n": 3, "half": 0.5})");
    m.tensor("x", {4, 2}).run();
    EXPECT_EQ(m.size(), 0u) << rule;
    return m.faults();
  };
  for (const auto& [rule, message] : {
           std::pair(R"({"to": "y", "transform": "shake"})", "x: weights.json: no transform is called shake"),
           std::pair(R"({"to": "y", "transform": "rope_permute", "heads": "n"})", "x: 4 rows, wanted a multiple of 2 x 3 heads (n)"),
           std::pair(R"({"to": "y", "transform": "rope_permute"})", "x: \"heads\" is nothing, which is no integer"),
           std::pair(R"({"to": "y", "transform": "slice", "from": "half"})", "x: \"from\" is \"half\", which is no integer"),
           std::pair(R"({"to": "y", "transform": "slice", "from": 4})", "x: 4 rows, wanted 0 from row 4 on"),
           std::pair(R"({"to": "y", "transform": "reshape", "dims": [3, 3]})", "x: shape (4, 2) cannot be reshaped so"),
           std::pair(R"({"to": "y", "transform": "reshape"})", "x: shape (4, 2) cannot be reshaped so"),
           std::pair(R"({"to": "y", "transform": "scale"})", "x: \"by\" is nothing, which is no number"),
           std::pair(R"({"parts": [{"to": "a", "rows": "n*n"}]})", "x: 4 rows, wanted 9 from row 0 on"),
       })
    EXPECT_NE(fault(rule).find(message), std::string::npos) << fault(rule);
  Map left(one_rule(R"({"parts": [{"to": "a", "rows": 3}]})"), "{}");
  left.tensor("x", {4, 2}).run();
  EXPECT_EQ(left.faults(), "x: 4 rows, its parts have 3\n");
  Map experts(R"({"tensors": {"e.{e}": {"to": "y", "transform": "stack", "count": 3}}})", "{}");
  experts.tensor("e.0", {1}).tensor("e.2", {1}).run();
  EXPECT_EQ(experts.faults(), "e.{e}: 2 to stack, 1 of them without a gap, wanted 3\n");
}

TEST(transforms, named_parts_stack_in_the_order_that_the_table_gives) {
  const char* table = R"({
    "prefixes": {"old.": "l."},
    "aliases": {"l.{i}.second": "l.{i}.b", "top": "t"},
    "tensors": {"l.{i}.a": {"to": "blk.{i}.ab", "transform": ["squeeze", "stack"], "at": 0, "count": 2},
                "l.{i}.b": {"to": "blk.{i}.ab", "transform": ["squeeze", "stack"], "at": 1, "count": 2},
                "t": "t"}})";
  Map m(table, "{}");
  m.tensor("old.0.second", {1, 2}, 10).tensor("l.0.a", {2}, 20).tensor("l.1.a", {2}, 30).tensor("l.1.b", {2}, 40).tensor("top", {1}).run(2);
  EXPECT_EQ(m.faults(), "");
  EXPECT_EQ(m.size(), 3u);
  EXPECT_EQ(m.floats("blk.0.ab"), (Floats{20, 21, 10, 11}));
  EXPECT_EQ(m.floats("blk.1.ab"), (Floats{30, 31, 40, 41}));
  EXPECT_EQ(m.at("blk.1.ab").rank, 2);
  Map half(table, "{}");
  half.tensor("l.0.b", {2}).tensor("t", {1}).run();
  EXPECT_EQ(half.faults(), "l.0.a: missing\nl.0.b: 1 to stack, 0 of them without a gap, wanted 2\n");
}

TEST(hf_config, rows_of_the_table_have_defaults_products_and_kinds) {
  Map m(R"json({"constants": {"{arch}.c": 3, "{arch}.t": "text", "{arch}.half": 0.5},
            "metadata": {
              "layers": {"to": "{arch}.block_count", "type": "u32"},
              "heads": {"to": "{arch}.attention.head_count", "type": "u32"},
              "kv": {"to": "{arch}.attention.head_count_kv", "type": "u32", "default": ["nope", "heads"]},
              "scale": {"to": "{arch}.s", "type": "f32", "from": "1/sqrt(heads)"},
              "cap": {"to": "{arch}.cap", "type": "f32", "optional": true},
              "flag": {"to": "{arch}.flag", "type": "bool", "default": true},
              "zero": {"to": "{arch}.zero", "type": "u32", "least": 0},
              "width": {"to": "{arch}.attention.key_length", "type": "u32", "default": 6}},
            "rope": false})json",
        R"({"layers": 2, "heads": 4, "zero": 0, "cap": null})");
  const HfConfig c = m.config();
  EXPECT_EQ(m.faults(), "");
  Checkpoint all;
  all.metadata = c.metadata;
  EXPECT_EQ(*all.require_int("test.c"), 3);
  EXPECT_EQ(*all.require_text("test.t"), "text");
  EXPECT_EQ(all.find("test.half")->as_float(), 0.5);
  EXPECT_EQ(*all.require_int("test.attention.head_count_kv"), 4);
  EXPECT_EQ(all.find("test.s")->as_float(), 0.5);
  EXPECT_EQ(all.find("test.cap"), nullptr);
  EXPECT_EQ(all.find("test.flag")->as_bool(), true);
  EXPECT_EQ(*all.require_int("test.zero"), 0);
  EXPECT_EQ(*all.require_int("test.attention.value_length"), 6);
  EXPECT_EQ(all.find("test.rope.freq_base"), nullptr);
  EXPECT_EQ(m.values().number("kv"), 4);  // what tensors may count with
}

TEST(hf_config, layers_are_windowed_or_recurrent_by_any_of_the_keys) {
  const auto read = [](const std::string& members) {
    Map m(R"({"metadata": {"n": {"to": "{arch}.block_count", "type": "u32"},
                           "h": {"to": "{arch}.attention.head_count", "type": "u32"},
                           "kv": {"to": "{arch}.attention.head_count_kv", "type": "u32"}}, "rope": false})",
          R"({"n": 4, "h": 4, "kv": 2, "head_dim": 8, )" + members + "}");
    const HfConfig c = m.config();
    EXPECT_EQ(m.faults(), "") << members;
    Checkpoint all;
    all.metadata = c.metadata;
    std::string text;
    if (const MetaValue* v = all.find("test.attention.sliding_window")) text += std::to_string(*v->as_int()) + ":";
    if (const MetaValue* v = all.find("test.attention.sliding_window_pattern"))
      for (uint64_t i = 0; i < v->count; ++i) text += *meta_element(*v, i).as_bool() ? 's' : 'f';
    const MetaValue* kv = all.find("test.attention.head_count_kv");
    for (uint64_t i = 0; kv->type == MetaType::array && i < kv->count; ++i) text += std::to_string(*meta_element(*kv, i).as_int());
    return text;
  };
  EXPECT_EQ(read(R"("sliding_window": 8)"), "8:");  // all of them, or as the family has it
  EXPECT_EQ(read(R"("sliding_window": 8, "layer_types": ["sliding_attention", "full_attention", "sliding_attention", "full_attention"])"), "8:sfsf");
  EXPECT_EQ(read(R"("sliding_window": 8, "_sliding_window_pattern": 3)"), "8:ssfs");
  EXPECT_EQ(read(R"("sliding_window": 8, "sliding_window_pattern": 2)"), "8:sfsf");
  EXPECT_EQ(read(R"("sliding_window": 8, "max_window_layers": 3)"), "8:fffs");
  EXPECT_EQ(read(R"("sliding_window": 8, "max_window_layers": 4)"), "");
  EXPECT_EQ(read(R"("sliding_window": 8, "use_sliding_window": false)"), "");
  EXPECT_EQ(read(R"("layer_types": ["linear_attention", "linear_attention", "full_attention", "mamba"])"), "0020");
  EXPECT_EQ(read(R"("attn_layer_indices": [1, 3])"), "0202");
  EXPECT_EQ(read(R"("attn_layer_period": 2, "attn_layer_offset": 1)"), "0202");
  EXPECT_EQ(read(R"("full_attention_interval": 4)"), "0002");
}

TEST(hf_config, each_kind_of_layer_may_have_its_own_rotary_base) {
  const auto base = [](const std::string& members) {
    Map m(R"({"metadata": {"n": {"to": "{arch}.block_count", "type": "u32"}, "h": {"to": "{arch}.attention.head_count", "type": "u32"}}})",
          R"({"n": 1, "h": 1, "head_dim": 8, )" + members + "}");
    const HfConfig c = m.config();
    EXPECT_EQ(m.faults(), "");
    Checkpoint all;
    all.metadata = c.metadata;
    const MetaValue *full = all.find("test.rope.freq_base"), *local = all.find("test.rope.freq_base_swa");
    return std::pair(full->as_float().value_or(0), local ? local->as_float().value_or(0) : 0);
  };
  EXPECT_EQ(base(R"("rope_theta": 1000000.0, "rope_local_base_freq": 10000.0)"), std::pair(1e6, 1e4));
  EXPECT_EQ(base(R"("rope_parameters": {"full_attention": {"rope_theta": 1e6, "rope_type": "linear", "factor": 8},
                                        "sliding_attention": {"rope_theta": 1e4, "rope_type": "default"}})"), std::pair(1e6, 1e4));
  EXPECT_EQ(base(R"("rope_parameters": {"rope_theta": 5e5, "rope_type": "default"})"), std::pair(5e5, 0.0));
}

}  // namespace
}  // namespace synapse
