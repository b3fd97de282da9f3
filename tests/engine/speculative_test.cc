// Speculation changes nothing but the number of calls: every drafter, every kind of state, every stage of the sampler.
#include <gtest/gtest.h>

#include "synapse/runtime/speculative.h"
#include "tiny_model.h"

namespace synapse::test {
namespace {

struct Kind {
  DType dtype;
  int32_t window;
  Memory memory;
  const char* architecture = "llama";
};
void PrintTo(const Kind& k, std::ostream* os) { *os << k.architecture << " " << label(k.dtype) << " window " << k.window << " memory " << int(k.memory); }

Shape shape_of(const Kind& k) {
  Shape shape;
  shape.window = k.window, shape.n_layers = 3, shape.hidden_dim = 64, shape.vocab_size = 64;
  return shape;
}

SessionOptions options_for_drafts() {
  SessionOptions o;
  o.max_seq_len = 400, o.logit_rows = 5;
  return o;
}

// Samplers of every kind; ids of a small vocabulary repeat by themselves.
std::vector<SamplerOptions> samplers() {
  std::vector<SamplerOptions> all(5);
  all[0].temperature = 0;
  all[1].temperature = 0.3f, all[1].seed = 3;
  all[2].temperature = 0.8f, all[2].top_k = 0, all[2].seed = 5, all[2].repeat_penalty = 1.3f, all[2].frequency_penalty = 0.2f;
  all[3].mirostat = 2, all[3].mirostat_tau = 2, all[3].seed = 7;
  all[4].temperature = 0.5f, all[4].dry_multiplier = 0.8f, all[4].xtc_probability = 0.5f, all[4].xtc_threshold = 0.05f, all[4].seed = 9;
  return all;
}

class SpeculativeTest : public testing::TestWithParam<Kind> {
 protected:
  bool has_rows() { return engine.model().state_layout().n_row_floats > 0; }
  TinyCheckpoint tiny{GetParam().architecture, GetParam().dtype, shape_of(GetParam())};
  Checkpoint checkpoint = tiny.get();
  Engine engine{checkpoint, kernels(), 1, options_for_drafts(), GetParam().memory};

  std::vector<int32_t> prompt(uint64_t seed) {  // some of it twice, so that lookup finds something
    auto ids = some_ids(12, 64, seed);
    const auto again = ids;
    ids.insert(ids.end(), again.begin(), again.end());
    return ids;
  }
  std::vector<Pick> plain(Session& s, const SamplerOptions& o, int n) {
    std::vector<Pick> picks;
    for (int i = 0; i < n; ++i) picks.push_back(*s.next(o));
    return picks;
  }
  // The same picks from a speculating session, which ends as the plain one did.
  SpeculativeCounts expect_same(Session& s, Session* draft, const SpeculativeOptions& how, const SamplerOptions& o, int n,
                                std::span<const Pick> wanted) {
    auto speculator = *Speculator::make(s, draft, how);
    for (int i = 0; i < n; ++i) {
      const auto pick = speculator.next(o, {}, n - i);
      EXPECT_TRUE(pick.ok()) << pick.status().message();
      if (!pick.ok()) break;
      EXPECT_EQ(pick->id, wanted[size_t(i)].id) << "token " << i;
      EXPECT_EQ(pick->logprob, wanted[size_t(i)].logprob) << "token " << i;
    }
    EXPECT_TRUE(speculator.settle().ok());
    return speculator.counts();
  }
};

TEST_P(SpeculativeTest, a_batch_of_rows_has_the_logits_of_single_tokens) {
  const auto ids = some_ids(100, 64);
  Digest whole, single;
  const LogitSink all = whole.sink(), one = single.sink();
  ASSERT_TRUE(engine.session().feed(ids, &all).ok());
  Session& s = engine.session();
  for (size_t i = 0; i < ids.size(); ++i) ASSERT_TRUE(s.feed(std::span(ids).subspan(i, 1), &one).ok());
  EXPECT_EQ(whole.rows, single.rows);
}

TEST_P(SpeculativeTest, verify_gives_what_next_gives_for_any_draft) {
  constexpr int kN = 150;
  for (const SamplerOptions& o : samplers()) {
    Session &p = engine.session(), &s = engine.session();
    ASSERT_TRUE(p.feed(prompt(1)).ok() && s.feed(prompt(1)).ok());
    const auto wanted = plain(p, o, kN);
    ASSERT_EQ(s.next(o)->id, wanted[0].id);
    size_t n = 1;
    for (uint64_t round = 0; n < kN - 12; ++round) {
      // A draft that is right for a while, and then it is not.
      const size_t length = random_bits(8, round) % 12, right = random_bits(9, round) % 14;
      std::vector<int32_t> draft;
      for (size_t i = 0; i < length; ++i) draft.push_back(i < right ? wanted[n + i].id : (wanted[n + i].id + 1) % 64);
      Pick picks[16];
      const auto got = s.verify(o, draft, {}, picks);
      ASSERT_TRUE(got.ok()) << got.status().message();
      for (int32_t i = 0; i < *got; ++i) ASSERT_EQ(picks[i].id, wanted[n + size_t(i)].id) << round;
      n += size_t(*got);
      ASSERT_EQ(s.ids().size(), prompt(1).size() + n);
    }
    ASSERT_TRUE(p.truncate(int32_t(s.ids().size())).ok());
    EXPECT_TRUE(std::ranges::equal(p.ids(), s.ids()));
    EXPECT_EQ(last_digest(p), last_digest(s));
  }
}

TEST_P(SpeculativeTest, every_drafter_leaves_the_text_as_it_is) {
  constexpr int kN = 90;
  TinyCheckpoint small("llama", DType::q4_0, [] { Shape s; s.n_layers = 1, s.vocab_size = 64; return s; }());
  Engine other(small.get(), kernels(), 1, options_for_drafts());
  for (const SamplerOptions& o : samplers())
    for (const Drafter drafter : {Drafter::lookup, Drafter::early, Drafter::model}) {
      Session &p = engine.session(), &s = engine.session();
      ASSERT_TRUE(p.feed(prompt(2)).ok() && s.feed(prompt(2)).ok());
      const auto wanted = plain(p, o, kN + 20);
      SpeculativeOptions how;
      how.drafter = drafter, how.draft_max = 6, how.early_layers = 2;
      const auto counts = expect_same(s, drafter == Drafter::model ? &other.session() : nullptr, how, o, kN, wanted);
      EXPECT_EQ(counts.tokens, kN - 1);
      EXPECT_LE(counts.accepted, counts.drafted);
      EXPECT_GE(counts.accepted + counts.passes, counts.tokens);
      const auto rest = plain(s, o, 20);  // and goes on as if nothing had been
      for (size_t i = 0; i < 20; ++i) ASSERT_EQ(rest[i].id, wanted[kN + i].id);
      for (Session* used : {&p, &s}) ASSERT_TRUE(used->truncate(0).ok());
    }
}

// All layers but none to spare would be the model itself; one layer fewer often agrees with it, and the model with itself
// always.
TEST_P(SpeculativeTest, a_perfect_draft_is_always_accepted) {
  Engine twin(checkpoint, kernels(), 1, options_for_drafts(), GetParam().memory);
  SamplerOptions o;
  o.seed = 11;
  Session &p = engine.session(), &s = engine.session();
  ASSERT_TRUE(p.feed(prompt(3)).ok() && s.feed(prompt(3)).ok());
  SpeculativeOptions how;
  how.drafter = Drafter::model, how.draft_max = 7;
  const auto counts = expect_same(s, &twin.session(), how, o, 121, plain(p, o, 121));
  EXPECT_EQ(counts.accepted, counts.drafted);
  EXPECT_LE(counts.passes, 120 / 8 + (!has_rows() ? 0 : 3));  // calls end at multiples of 64 there
}

TEST_P(SpeculativeTest, ends_are_kept) {
  SamplerOptions o;
  o.temperature = 0;
  Session &p = engine.session(), &s = engine.session();
  ASSERT_TRUE(p.feed(prompt(4)).ok() && s.feed(prompt(4)).ok());
  const auto wanted = plain(p, o, 30);
  ASSERT_EQ(s.next(o)->id, wanted[0].id);
  std::vector<int32_t> draft;
  for (size_t i = 1; i < 9; ++i) draft.push_back(wanted[i].id);
  Pick picks[16];
  const int32_t end = wanted[4].id;
  size_t first = 1;
  while (wanted[first].id != end) ++first;
  const auto got = s.verify(o, draft, {&end, 1}, picks);
  ASSERT_TRUE(got.ok());
  EXPECT_EQ(size_t(*got), first);
  EXPECT_EQ(picks[*got - 1].id, end);
  EXPECT_EQ(s.ids().back(), end);
}

INSTANTIATE_TEST_SUITE_P(kinds, SpeculativeTest,
                         testing::Values(Kind{DType::q8_0, 0, Memory::keys}, Kind{DType::f16, 0, Memory::keys},
                                         Kind{DType::q4_0, 40, Memory::keys}, Kind{DType::q8_0, 0, Memory::keys_and_rows},
                                         Kind{DType::q8_0, 40, Memory::keys_and_rows}, Kind{DType::q8_0, 0, Memory::rows},
                                         Kind{DType::q8_0, 0, Memory::keys, "mamba2"}, Kind{DType::q4_0, 0, Memory::keys, "rwkv7"},
                                         Kind{DType::q8_0, 0, Memory::keys, "jamba"}, Kind{DType::q8_0, 0, Memory::keys, "qwen3next"}));

TEST(speculative, the_context_ends_where_it_would) {
  TinyCheckpoint tiny("qwen3", DType::q8_0);
  const Checkpoint checkpoint = tiny.get();
  SessionOptions options = options_for_drafts();
  options.max_seq_len = 70;
  Engine engine(checkpoint, kernels(), 1, options);
  Session &p = engine.session(), &s = engine.session();
  const std::vector<int32_t> ids(50, 7);
  ASSERT_TRUE(p.feed(ids).ok() && s.feed(ids).ok());
  SamplerOptions o;
  auto speculator = *Speculator::make(s, nullptr, {});
  while (!p.full()) {
    const int32_t wanted = p.next(o)->id;
    ASSERT_TRUE(speculator.has_next());
    EXPECT_EQ(speculator.next(o, {}, INT32_MAX)->id, wanted);
  }
  EXPECT_FALSE(speculator.has_next());
  EXPECT_EQ(speculator.next(o, {}, INT32_MAX).status().message(), "context: full with 70 tokens");
}

TEST(speculative, lookup_takes_what_followed_the_longest_end) {
  const std::vector<int32_t> ids = {5, 1, 2, 3, 9, 1, 2, 8, 8, 1, 2, 3, 4, 1, 2, 3};
  int32_t draft[6];
  EXPECT_EQ(draft_by_lookup(ids, 2, 4, draft), 6);
  EXPECT_EQ(std::vector<int32_t>(draft, draft + 6), (std::vector<int32_t>{4, 1, 2, 3, 4, 1}));  // over its own end
  EXPECT_EQ(draft_by_lookup(std::span(ids).first(9), 2, 4, draft), 0);
  EXPECT_EQ(draft_by_lookup(std::span(ids).first(9), 1, 4, draft), 6);
  EXPECT_EQ(draft[0], 8);
  EXPECT_EQ(draft_by_lookup(std::span(ids).first(1), 1, 4, draft), 0);
  EXPECT_EQ(draft_by_lookup({}, 1, 4, draft), 0);
}

TEST(speculative, what_cannot_work_is_refused) {
  TinyCheckpoint tiny("llama", DType::q8_0), small("llama", DType::q8_0, [] { Shape s; s.vocab_size = 64; return s; }());
  const Checkpoint a = tiny.get(), b = small.get();
  Engine engine(a, kernels(), 1, options_for_drafts()), other(b, kernels(), 1, options_for_drafts());
  Session& s = engine.session();
  EXPECT_EQ(Speculator::make(s, &other.session(), {.drafter = Drafter::model}).status().message(),
            "draft: a vocabulary of 64, the model's has 80");
  EXPECT_EQ(Speculator::make(s, nullptr, {.drafter = Drafter::early, .early_layers = 2}).status().message(),
            "early-layers: 2, wanted 1 to 1");
  EXPECT_EQ(Speculator::make(s, nullptr, {.draft_max = 65}).status().message(), "draft-max: 65, wanted 1 to 64");
  EXPECT_EQ(Speculator::make(s, nullptr, {.draft_max = 4, .draft_min = 5}).status().message(), "draft-min: 5, wanted 0 to 4");
  ASSERT_TRUE(s.feed(some_ids(5, 80)).ok());
  Pick picks[4];
  const int32_t draft[] = {3, 80};
  EXPECT_EQ(s.verify({}, draft, {}, picks).status().message(), "draft: id 80, the vocabulary has 80");
}

}  // namespace
}  // namespace synapse::test
