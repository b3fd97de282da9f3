// The reduced head chooses what the whole one would, whatever the sampler, and is used where it can be.
#include <gtest/gtest.h>

#include "tiny_model.h"

namespace synapse::test {
namespace {

constexpr int32_t kVocab = 5993;  // the last group is not whole

// Counts the calls of the reduced head.
struct Calls final : Recorder {
  int n_screens = 0, n_heads = 0;
  int32_t n_groups = 0;
  void on_call(OpCall& call) override {
    n_screens += call.op == Op::norm_screen;
    if (call.op == Op::norm_linear_groups) n_groups += call.in[4].cols();
    n_heads += call.op == Op::norm_linears && call.out[0].cols() == kVocab;
  }
  bool keeps_activations() const override { return false; }
};

Shape shape() {
  Shape s;
  s.vocab_size = kVocab, s.max_seq_len = 256;
  return s;
}

class ReducedHead : public testing::Test {
 protected:
  TinyCheckpoint tiny{"qwen3", DType::q8_0, shape()};
  Checkpoint checkpoint = tiny.get();
  Engine whole{checkpoint, kernels(), 2};
  std::vector<int32_t> prompt = some_ids(20, kVocab);

  void SetUp() override {
    if (!kernels().formats[size_t(DType::q8_0)].screen) GTEST_SKIP() << kernels().isa << " screens nothing";
    whole.pack();
  }
  // Tokens behind the prompt, and the state of the sampler.
  std::vector<int32_t> text(Engine& e, const SamplerOptions& o, int n, Calls* calls = nullptr) {
    SessionOptions options = e.options();
    options.recorder = calls;
    Session& s = e.session(options);
    EXPECT_TRUE(s.feed(prompt).ok());
    std::vector<int32_t> ids;
    for (int i = 0; i < n; ++i) {
      const auto pick = s.next(o);
      EXPECT_TRUE(pick.ok()) << pick.status().message();
      ids.push_back(pick.ok() ? pick->id : -1);
    }
    return ids;
  }
};

// The model likes to say its last token again; that gone, some logits lie close together.
SamplerOptions varied() {
  SamplerOptions o;
  o.with_logprob = false, o.top_k = 0, o.top_p = 1, o.min_p = 0, o.presence_penalty = 30, o.repeat_last_n = 1;
  return o;
}
SamplerOptions plain() {
  SamplerOptions o;
  o.with_logprob = false, o.top_k = 0, o.top_p = 1, o.min_p = 0;
  return o;
}

struct Named {
  const char* name;
  SamplerOptions options;
  bool reduces;
};

TEST_F(ReducedHead, gives_the_tokens_of_the_whole_one) {
  static constexpr Stage kPenaltiesLast[] = {Stage::temperature, Stage::penalties}, kDryFirst[] = {Stage::dry, Stage::penalties, Stage::temperature};
  static constexpr Stage kTemperatureFirst[] = {Stage::temperature, Stage::top_k};
  static constexpr LogitBias kBias[] = {{7, 3.0f}, {4000, 100.0f}, {4000, -60.0f}, {4500, 39.0f}, {12, -std::numeric_limits<float>::infinity()}};
  std::vector<Named> all;
  const auto add = [&](const char* name, bool reduces, auto change) {
    SamplerOptions o = varied();
    change(o);
    all.push_back({name, o, reduces});
  };
  add("greedy", true, [](SamplerOptions& o) { o.temperature = 0; });
  add("greedy, penalties", true, [](SamplerOptions& o) { o.temperature = 0, o.repeat_penalty = 1.5f, o.frequency_penalty = 0.3f, o.repeat_last_n = 64; });
  add("greedy, a gift for repetition", true, [](SamplerOptions& o) { o.temperature = 0, o.presence_penalty = -30, o.repeat_last_n = -1; });
  add("greedy, DRY", true, [](SamplerOptions& o) { o.temperature = 0, o.dry_multiplier = 2, o.dry_allowed_length = 0; });
  add("greedy, bias", true, [](SamplerOptions& o) { o.temperature = 0, o.bias = kBias; });
  add("temperature", true, [](SamplerOptions& o) { o.temperature = 0.3f; });
  add("temperature 2", true, [](SamplerOptions& o) { o.temperature = 2; });
  add("temperature 1", true, [](SamplerOptions& o) { o.temperature = 1; });
  add("penalties after temperature", true, [](SamplerOptions& o) { o.temperature = 0.3f, o.chain = kPenaltiesLast, o.presence_penalty = 1; });
  add("DRY, penalties, temperature", true, [](SamplerOptions& o) { o.temperature = 0.3f, o.chain = kDryFirst, o.dry_multiplier = 2, o.repeat_penalty = 1.3f; });
  add("top-k 1", true, [](SamplerOptions& o) { o.top_k = 1; });
  add("top-k 5, the rest", true, [](SamplerOptions& o) { o.top_k = 5, o.top_p = 0.9f, o.min_p = 0.05f, o.typical_p = 1, o.temperature = 2; });
  add("top-k 20, penalties", true, [](SamplerOptions& o) { o.top_k = 20, o.temperature = 3, o.repeat_penalty = 1.2f; });
  add("min-p", true, [](SamplerOptions& o) { o.min_p = 0.2f, o.temperature = 5; });
  add("min-p, bias", true, [](SamplerOptions& o) { o.min_p = 0.5f, o.temperature = 5, o.bias = kBias; });
  add("temperature before top-k", false, [](SamplerOptions& o) { o.top_k = 5, o.chain = kTemperatureFirst; });
  add("top-p", false, [](SamplerOptions& o) { o.top_p = 0.9f; });
  add("typical", false, [](SamplerOptions& o) { o.typical_p = 0.9f; });
  add("top-n-sigma", false, [](SamplerOptions& o) { o.top_n_sigma = 1; });
  add("XTC", false, [](SamplerOptions& o) { o.xtc_probability = 0.5f; });
  add("mirostat", false, [](SamplerOptions& o) { o.mirostat = 2; });
  add("log-probability", false, [](SamplerOptions& o) { o.with_logprob = true; });
  for (const Kernels& k : kernel_variants()) {
    Engine reduced(checkpoint, k, 3);
    reduced.pack(true);
    const bool screens = k.formats[size_t(DType::q8_0)].screen;
    for (const auto& [name, options, reduces] : all)
      for (uint64_t seed : {1u, 2u}) {
        SamplerOptions o = options;
        o.seed = seed;
        Calls calls;
        EXPECT_EQ(text(reduced, o, 60, &calls), text(whole, o, 60)) << k.isa << " " << name << " " << seed;
        EXPECT_EQ(calls.n_screens > 0, reduces && screens) << k.isa << " " << name;
        EXPECT_EQ(calls.n_groups > 0, reduces && screens) << k.isa << " " << name;
      }
  }
}

// All logits come back when they are asked for, and another sampler does not see what one left out.
TEST_F(ReducedHead, leaves_nothing_behind) {
  Engine reduced(checkpoint, kernels(), 2);
  reduced.pack(true);
  SamplerOptions greedy = plain(), hot = plain();
  greedy.temperature = 0, hot.temperature = 1.5f, hot.top_p = 0.9f;
  Calls calls;
  SessionOptions options = reduced.options();
  options.recorder = &calls;
  Session &a = reduced.session(options), &b = whole.session();
  for (Session* s : {&a, &b}) ASSERT_TRUE(s->feed(prompt).ok());
  for (int i = 0; i < 8; ++i) {
    ASSERT_EQ(a.next(greedy)->id, b.next(greedy)->id);
    if (i == 0) continue;  // the prompt's logits are whole
    ASSERT_EQ(calls.n_screens, i);
    // Back to where the reduced logits are those of the last token.
    const int32_t n = int32_t(a.ids().size());
    for (Session* s : {&a, &b}) ASSERT_TRUE(s->truncate(n - 1).ok());
    EXPECT_FALSE(a.has_logits());
    ASSERT_EQ(a.next(hot)->id, b.next(hot)->id);
    for (Session* s : {&a, &b}) ASSERT_TRUE(s->truncate(n - 1).ok());
    const auto x = a.logits(), y = b.logits();
    ASSERT_TRUE(x.ok() && y.ok());
    EXPECT_TRUE(std::equal(x->begin(), x->end(), y->begin(), y->end()));
    EXPECT_TRUE(a.has_logits());
    for (Session* s : {&a, &b}) ASSERT_TRUE(s->next(greedy).ok());
  }
  Session& c = reduced.session();
  ASSERT_TRUE(a.clone_to(c).ok());
  EXPECT_EQ(a.next(hot)->id, c.next(hot)->id);
}

// Where every token may be chosen, all are read at once, and then for a while without asking.
TEST_F(ReducedHead, gives_way_where_it_does_not_pay) {
  Engine reduced(checkpoint, kernels(), 2);
  reduced.pack(true);
  SamplerOptions o = plain();
  o.top_k = 256, o.temperature = 3;
  Calls calls;
  EXPECT_EQ(text(reduced, o, 100, &calls), text(whole, o, 100));
  EXPECT_GT(calls.n_screens, 1);
  EXPECT_LT(calls.n_screens, 10);
  EXPECT_EQ(calls.n_heads, 100);
}

}  // namespace
}  // namespace synapse::test
