// Unigram, WordPiece and tries over small vocabularies.
#include <cmath>
#include <functional>
#include <limits>

#include "tests/tokenizer_draft.h"

namespace synapse {
namespace {

// Owns log probabilities too.
struct Likely : Draft {
  std::vector<double> log_probs;
  Likely() {
    spec.kind = TokenizerKind::unigram;
    spec.unk_id = token("<unk>", TokenType::unknown);
    spec.fuse_unk = true;
    log_probs.push_back(0);
  }
  int32_t likely(const std::string& text, double log_prob) {
    log_probs.push_back(log_prob);
    return token(text);
  }
  std::unique_ptr<TestTokenizer> build() {
    log_probs.resize(texts.size());
    spec.log_probs = log_probs;
    return Draft::build();
  }
};

TEST(unigram, takes_the_most_likely_tokens_not_the_longest) {
  Likely d;
  const int32_t a = d.likely("a", -1), b = d.likely("b", -1), ab = d.likely("ab", -2.5), abb = d.likely("abb", -2.9);
  const auto t = d.build();
  EXPECT_EQ(t->encode("ab"), (Ids{a, b}));
  EXPECT_EQ(t->encode("abb"), (Ids{abb}));
  EXPECT_EQ(t->encode("abab"), (Ids{a, b, a, b}));
  EXPECT_EQ(t->decode({ab, abb}), "ababb");
}

TEST(unigram, of_equal_ways_the_one_that_was_found_first) {
  Likely d;
  d.likely("a", -1);
  d.likely("b", -1);
  const int32_t ab = d.likely("ab", -2);
  EXPECT_EQ(d.build()->encode("ab"), (Ids{ab}));
}

TEST(unigram, spaces_are_stored_as_lower_blocks) {
  Likely d;
  const int32_t the = d.likely("\u2581the", -1), space = d.likely("\u2581", -3), t1 = d.likely("t", -3), h = d.likely("h", -3);
  d.spec.add_space_prefix = d.spec.strip_space_prefix = d.spec.space_prefix_if_missing = true;
  d.spec.pre = PreTokenizer::metaspace;
  const auto t = d.build();
  EXPECT_EQ(t->encode("the the"), (Ids{the, the}));
  EXPECT_EQ(t->encode("th"), (Ids{space, t1, h}));
  EXPECT_EQ(t->decode({the, the}), "the the");
}

TEST(unigram, unknown_characters_are_bytes_or_one_token) {
  Likely d;
  const int32_t a = d.likely("a", -1);
  EXPECT_EQ(d.build()->encode("a\u4F60\u597Da"), (Ids{a, 0, a}));
  d.spec.fuse_unk = false;
  EXPECT_EQ(d.build()->encode("a\u4F60\u597Da"), (Ids{a, 0, 0, a}));
  d.spec.byte_fallback = true;
  const int32_t first = int32_t(d.texts.size());
  for (int b = 0; b < 256; ++b) {
    char name[8];
    std::snprintf(name, sizeof name, "<0x%02X>", b);
    d.token(name, TokenType::byte);
  }
  EXPECT_EQ(d.build()->encode("\u00E9\xFF"), (Ids{first + 0xC3, first + 0xA9, first + 0xFF}));
}

// The definition: every way to write the text, scored.
TEST(unigram, no_way_to_write_a_text_is_more_likely) {
  Likely d;
  for (const auto& [text, p] : {std::pair("a", -2.0), {"b", -2.25}, {"ab", -3.5}, {"ba", -4.75}, {"aab", -5.125}, {"bb", -4.0}}) d.likely(text, p);
  const auto t = d.build();
  for (uint64_t seed = 0; seed < 200; ++seed) {
    const std::string text = random_text(seed, "ab", 1 + seed % 14);
    std::function<double(size_t)> best = [&](size_t at) {
      if (at == text.size()) return 0.0;
      double most = -std::numeric_limits<double>::infinity();
      for (size_t id = 1; id < d.texts.size(); ++id) {
        if (text.compare(at, d.texts[id].size(), d.texts[id]) == 0) most = std::max(most, d.log_probs[id] + best(at + d.texts[id].size()));
      }
      return most;
    };
    double sum = 0;
    const Ids ids = t->encode(text);
    for (const int32_t id : ids) sum += d.log_probs[size_t(id)];
    ASSERT_EQ(sum, best(0)) << text;
    ASSERT_EQ(t->pieces(ids), text);
  }
}

TEST(unigram, a_text_of_a_million_letters_takes_no_longer_than_words) {
  Likely d;
  const int32_t a8 = d.likely("aaaaaaaa", -1);
  d.likely("a", -1);
  EXPECT_EQ(d.build()->encode(std::string(1'000'000, 'a')), Ids(125'000, a8));
}

TEST(unigram, log_probabilities_are_checked) {
  Likely d;
  d.likely("a", std::nan(""));
  d.spec.log_probs = d.log_probs;
  TestTokenizer t;
  t.build(d.finish());
  EXPECT_EQ(t.error, "tokenizer: a log probability is not finite");
  d.spec.log_probs = {};
  TestTokenizer u;
  u.build(d.finish());
  EXPECT_EQ(u.error, "tokenizer: 0 log probabilities for 2 tokens");
}

constexpr Normalizer kUncased[] = {{NormalStep::bert_clean},       {NormalStep::bert_chinese}, {NormalStep::nfd},
                                   {NormalStep::strip_nonspacing}, {NormalStep::lowercase}};

Draft bert() {
  Draft d;
  d.spec.kind = TokenizerKind::wordpiece;
  d.spec.pre = PreTokenizer::bert;
  d.spec.normalizers = kUncased;
  d.spec.next_prefix = "##";
  d.spec.strip_space_prefix = d.spec.clean_spaces = true;
  d.spec.unk_id = d.token("[UNK]", TokenType::unknown);
  return d;
}

TEST(wordpiece, the_longest_token_first_and_then_of_the_rest) {
  Draft d = bert();
  const int32_t un = d.token("un"), aff = d.token("##aff"), able = d.token("##able"), u = d.token("u"), comma = d.token(",");
  const auto t = d.build();
  EXPECT_EQ(t->encode("unaffable, UN"), (Ids{un, aff, able, comma, un}));
  EXPECT_EQ(t->encode("\u00DCn u"), (Ids{un, u}));
  EXPECT_EQ(t->decode({un, aff, able, comma, un}), "unaffable, un");
}

TEST(wordpiece, a_word_with_an_unknown_rest_is_unknown_as_a_whole) {
  Draft d = bert();
  const int32_t a = d.token("a");
  d.token("##b");
  EXPECT_EQ(d.build()->encode("abx a"), (Ids{0, a}));
  EXPECT_EQ(d.build()->encode(std::string(100, 'a') + " a").size(), 2u);
  d.spec.max_word_chars = 2;
  EXPECT_EQ(d.build()->encode("abb a"), (Ids{0, a}));
}

TEST(wordpiece, ideographs_stand_alone_and_controls_go) {
  Draft d = bert();
  const int32_t you = d.token("\u4F60"), ab = d.token("ab");
  d.token("##b");
  EXPECT_EQ(d.build()->encode("\u4F60\u4F60ab"), (Ids{you, you, ab}));
  EXPECT_EQ(d.build()->encode("a\u200Bb \uFFFD a\tb"), (Ids{ab, 0, 0}));
}

TEST(wordpiece, tokens_of_a_word_may_be_the_marked_ones) {
  Draft d = bert();
  d.spec.next_prefix = "";
  d.spec.first_prefix = "\u2581";
  const int32_t un = d.token("\u2581un"), able = d.token("able");
  const auto t = d.build();
  EXPECT_EQ(t->encode("unable un"), (Ids{un, able, un}));
  EXPECT_EQ(t->decode({un, able, un}), "unable un");
}

TEST(trie, the_longest_token_at_every_place) {
  Draft d;
  d.spec.kind = TokenizerKind::trie;
  const int32_t a = d.token("a"), abc = d.token("abc"), b = d.token("b"), high = d.token("\xC3");
  const auto t = d.build();
  EXPECT_EQ(t->encode("abcab"), (Ids{abc, a, b}));
  EXPECT_EQ(t->encode("ab\u00E9"), (Ids{a, b, high}));  // a byte that no token begins with is left out
  EXPECT_EQ(t->pieces({abc, high}), "abc\xC3");
}

}  // namespace
}  // namespace synapse
