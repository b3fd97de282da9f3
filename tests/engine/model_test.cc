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
    if (n.name == "blk.0.ffn_up.weight") n.tensor = make_tensor(n.tensor.data, DType::iq4_nl, {96, 64});
  const std::string message(build(t.get()).message());
  EXPECT_NE(message.find("blk.0.ffn_up.weight"), std::string::npos) << message;
  EXPECT_NE(message.find("IQ4_NL"), std::string::npos) << message;
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
