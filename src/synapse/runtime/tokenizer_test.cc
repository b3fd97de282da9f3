// Small vocabularies, written here.
#include "synapse/runtime/tokenizer.h"

#include <algorithm>

#include "synapse/runtime/bpe.h"
#include "synapse/runtime/pretokenize.h"
#include "tests/tokenizer_draft.h"

namespace synapse {
namespace {

constexpr Normalizer kNfcOnly[] = {{NormalStep::nfc}};

TEST(byte_bpe, merges_in_rank_order_leftmost_first) {
  Draft d = byte_level(PreTokenizer::none);
  const int32_t bc = d.merge("b", "c"), ab = d.merge("a", "b"), aa = d.merge("a", "a");
  const auto t = d.build();
  EXPECT_EQ(t->encode("abc"), (Ids{'a', bc}));
  EXPECT_EQ(t->encode("ab"), (Ids{ab}));
  EXPECT_EQ(t->encode("aaa"), (Ids{aa, 'a'}));
}

// The definition, word for word.
Ids merge_by_definition(const std::string& word, const Draft& d) {
  std::vector<std::string> parts;
  for (const char c : word) parts.emplace_back(1, c);
  for (;;) {
    size_t best_rank = d.merge_texts.size(), best = 0;
    for (size_t i = 0; i + 1 < parts.size(); ++i) {
      const auto found = std::find(d.merge_texts.begin(), d.merge_texts.end(), std::pair(parts[i], parts[i + 1]));
      const auto rank = size_t(found - d.merge_texts.begin());
      if (rank < best_rank) best_rank = rank, best = i;
    }
    if (best_rank == d.merge_texts.size()) break;
    parts[best] += parts[best + 1];
    parts.erase(parts.begin() + ptrdiff_t(best) + 1);
  }
  Ids ids;
  for (const std::string& p : parts) ids.push_back(int32_t(std::find(d.texts.begin(), d.texts.end(), p) - d.texts.begin()));
  return ids;
}

TEST(byte_bpe, words_of_any_length_equal_the_definition) {
  Draft d = byte_level(PreTokenizer::none);
  for (const auto& [l, r] : {std::pair("a", "b"), {"b", "b"}, {"ab", "ab"}, {"a", "a"}, {"bb", "a"}, {"aa", "aa"}, {"abab", "a"},
                             {"c", "ab"}, {"aaaa", "aa"}, {"bba", "bb"}}) {
    d.merge(l, r);
  }
  const auto t = d.build();
  for (uint64_t seed = 0; seed < 300; ++seed) {
    const std::string word = random_text(seed, seed % 3 ? "abc" : "ab", 1 + seed % 120);
    ASSERT_EQ(t->encode(word), merge_by_definition(word, d)) << word;
  }
}

TEST(byte_bpe, a_word_of_a_million_letters_takes_no_longer_than_text) {
  Draft d = byte_level(PreTokenizer::gpt2);
  std::string run = "a";
  for (int i = 0; i < 4; ++i, run += run) d.merge(run, run);
  const auto t = d.build();
  const Ids ids = t->encode(std::string(1'000'000, 'a'));  // quadratic merging would take hours
  EXPECT_EQ(ids, Ids(62'500, int32_t(d.texts.size()) - 1));
}

TEST(byte_bpe, any_bytes_come_back) {
  for (int pre = 0; pre < int(PreTokenizer::pattern); ++pre) {
    if (drops_white_space(PreTokenizer(pre))) continue;
    Draft d = byte_level(PreTokenizer(pre));
    d.merge("a", "b");
    d.merge(letter(' '), "a");
    d.special("<|end|>");
    const auto t = d.build();
    for (uint64_t seed = 0; seed < 200; ++seed) {
      const std::string text = random_text(seed, seed % 3 ? "" : "ab <|end|>\n1", 1 + seed * 3);
      ASSERT_EQ(t->pieces(t->encode(text)), text);
      ASSERT_EQ(t->pieces(t->encode_plain(text)), text);
    }
  }
}

TEST(byte_bpe, ignore_merges_takes_a_whole_word_first) {
  Draft d = byte_level(PreTokenizer::llama3);
  const int32_t ab = d.merge("a", "b"), abc = d.token("abc");
  EXPECT_EQ(d.build()->encode("abc ab"), (Ids{ab, 'c', ' ', ab}));
  d.spec.ignore_merges = true;
  EXPECT_EQ(d.build()->encode("abc"), (Ids{abc}));
}

TEST(byte_bpe, a_byte_without_a_token_is_unknown_or_left_out) {
  Draft d;
  d.spec.kind = TokenizerKind::byte_bpe;
  d.token("a");
  EXPECT_EQ(d.build()->encode("axxa"), (Ids{0, 0}));
  d.spec.unk_id = d.token("<unk>", TokenType::unknown);
  EXPECT_EQ(d.build()->encode("axxa"), (Ids{0, 1, 1, 0}));
  d.spec.fuse_unk = true;
  EXPECT_EQ(d.build()->encode("axxa"), (Ids{0, 1, 0}));
}

TEST(byte_bpe, nfc_comes_first_when_asked_for) {
  Draft d = byte_level(PreTokenizer::qwen2);
  EXPECT_EQ(d.build()->encode("e\u0301"), (Ids{'e', 0xCC, 0x81}));
  d.spec.normalizers = kNfcOnly;
  EXPECT_EQ(d.build()->encode("e\u0301"), (Ids{0xC3, 0xA9}));
}

TEST(encode, a_small_output_is_told_the_size_it_needs) {
  Draft d = byte_level(PreTokenizer::gpt2);
  const auto t = d.build();
  std::vector<uint8_t> memory(t->tokenizer->encode_scratch_bytes(11));
  Arena scratch(memory.data(), memory.size());
  int32_t ids[11];
  const auto n = t->tokenizer->encode("aaa aaa aaa", {}, std::span(ids).first(5), scratch);
  EXPECT_EQ(n.status().message(), "tokenizer: 11 ids, there is room for 5");
  EXPECT_EQ(*t->tokenizer->encode("aaa aaa aaa", {}, ids, scratch), 11u);
}

TEST(encode, too_little_scratch_is_an_error) {
  const auto t = byte_level(PreTokenizer::gpt2).build();
  char memory[64];
  Arena scratch(memory, sizeof memory);
  int32_t ids[8];
  EXPECT_EQ(t->tokenizer->encode("hello", {}, ids, scratch).status().code(), Code::out_of_memory);
}

TEST(encode, template_only_when_asked_for) {
  Draft d = byte_level(PreTokenizer::gpt2);
  d.prefix = {1, 2};
  d.suffix = {3};
  const auto t = d.build();
  EXPECT_EQ(t->encode("a"), (Ids{1, 2, 'a', 3}));
  EXPECT_EQ(t->encode_plain("a"), (Ids{'a'}));
  EXPECT_EQ(t->encode(""), (Ids{1, 2, 3}));
}

TEST(added_tokens, leftmost_then_longest_and_control_ones_only_when_parsed) {
  Draft d = byte_level(PreTokenizer::gpt2);
  const int32_t end = d.special("<e>").id, end2 = d.special("<e><e>").id, user = d.special("++", false).id;
  const auto t = d.build();
  EXPECT_EQ(t->encode("a<e><e><e>b"), (Ids{'a', end2, end, 'b'}));
  EXPECT_EQ(t->encode("+++", {.parse_special = false}), (Ids{user, '+'}));
  EXPECT_EQ(t->encode("<e>", {.parse_special = false}), (Ids{'<', 'e', '>'}));
  EXPECT_EQ(t->decode({'a', end, user}), "a++");
  EXPECT_EQ(t->decode({'a', end, user}, true), "a<e>++");
}

TEST(added_tokens, control_ones_do_not_reach_into_literal_text) {
  Draft d = byte_level(PreTokenizer::gpt2);
  const int32_t end = d.special("<e>").id, end2 = d.special("<e><e>").id, user = d.special("++", false).id;
  const auto t = d.build();
  const auto encode = [&](std::string_view text, std::vector<TextRange> literal) {
    return t->encode(text, {.literal = literal});
  };
  EXPECT_EQ(encode("<e>a<e>", {{4, 7}}), (Ids{end, 'a', '<', 'e', '>'}));
  EXPECT_EQ(encode("<e><e>", {{3, 6}}), (Ids{end, '<', 'e', '>'}));      // not the longer one either
  EXPECT_EQ(encode("<e><e>", {{0, 2}}), (Ids{'<', 'e', '>', end}));      // nor half of one
  EXPECT_EQ(encode("<e><e>", {{1, 2}, {4, 5}}), (Ids{'<', 'e', '>', '<', 'e', '>'}));
  EXPECT_EQ(encode("<e><e>", {{6, 9}}), (Ids{end2}));
  EXPECT_EQ(encode("a++<e>", {{0, 3}}), (Ids{'a', user, end}));          // an ordinary added token is text anyway

  d.added[0].normalized = true;
  const auto n = d.build();
  EXPECT_EQ(n->encode("a<e>", {.literal = std::vector<TextRange>{{1, 4}}}), (Ids{'a', '<', 'e', '>'}));
  EXPECT_EQ(n->encode("a<e>"), (Ids{'a', end}));
}

TEST(added_tokens, take_white_space_along_and_stand_alone_as_words) {
  Draft d = byte_level(PreTokenizer::gpt2);
  AddedToken& mask = d.special("<m>");
  mask.lstrip = mask.rstrip = true;
  const int32_t m = mask.id;
  AddedToken& word = d.special("cat", false);
  word.single_word = true;
  const int32_t cat = word.id;
  const auto t = d.build();
  EXPECT_EQ(t->encode("a \u3000<m> \n b"), (Ids{'a', m, 'b'}));
  EXPECT_EQ(t->encode("<m> <m>"), (Ids{m, m}));
  EXPECT_EQ(t->encode("cat!"), (Ids{cat, '!'}));
  EXPECT_EQ(t->encode("cats"), (Ids{'c', 'a', 't', 's'}));
  EXPECT_EQ(t->encode("_cat"), (Ids{'_', 'c', 'a', 't'}));
}

TEST(added_tokens, normalized_ones_are_found_in_the_normalised_text) {
  Draft d = byte_level(PreTokenizer::gpt2);
  d.spec.normalizers = kNfcOnly;
  AddedToken& a = d.special("e\u0301", false);
  a.normalized = true;
  const int32_t id = a.id;
  const auto t = d.build();
  EXPECT_EQ(t->encode("\u00E9"), (Ids{id}));
  EXPECT_EQ(t->encode("e\u0301"), (Ids{id}));
}

TEST(spm, merges_by_score_leftmost_on_ties) {
  Draft d = spm();
  const int32_t space = d.token("\u2581"), a = d.token("a"), b = d.token("b");
  const int32_t ab = d.token("ab", TokenType::normal, -1), ba = d.token("ba", TokenType::normal, -1);
  d.token("\u2581a", TokenType::normal, -5);
  const auto t = d.build();
  EXPECT_EQ(t->encode("abab"), (Ids{space, ab, ab}));
  EXPECT_EQ(t->encode("bab"), (Ids{space, ba, b}));
  EXPECT_EQ(t->encode("a b"), (Ids{a + 4, space, b}));
}

TEST(spm, a_character_without_a_token_can_still_be_part_of_one) {
  Draft d = spm();
  const int32_t xy = d.token("xy", TokenType::normal, -1), space = d.token("\u2581");
  const auto t = d.build();
  EXPECT_EQ(t->encode("xyx"), (Ids{space, xy, 'x' + 1}));
}

TEST(spm, long_text_equals_its_words_merged_alone) {
  Draft d = spm();
  for (const char* s : {"\u2581", "a", "b", "c"}) d.token(s);
  int rank = 0;
  for (const char* s : {"ab", "\u2581a", "bc", "abc", "\u2581ab", "aa", "\u2581\u2581", "ca"}) d.token(s, TokenType::normal, float(-++rank));
  d.spec.add_space_prefix = false;
  const auto t = d.build();
  for (uint64_t seed = 0; seed < 200; ++seed) {
    const std::string text = random_text(seed, "abc  ", 150);
    // Cutting where no token joins the two sides must change nothing: one word is the whole text here.
    std::vector<Symbol> symbols;
    for (size_t i = 0; i < text.size(); ++i) symbols.push_back({uint32_t(i), -1});
    symbols.push_back({uint32_t(text.size()), -1});
    Vocabulary v;
    std::vector<uint8_t> memory(1 << 20);
    Arena arena(memory.data(), memory.size());
    ASSERT_TRUE(v.reserve(d.tokens, arena));
    v.fill(d.tokens);
    std::vector<uint32_t> ranks;
    for (const float s : d.scores) ranks.push_back(rank_of_score(s));
    const size_t n = *merge(JoinsByScore{v, ranks, text}, symbols.data(), text.size(), arena);
    Ids wanted;
    for (size_t i = 0; i < n; ++i) {
      wanted.push_back(v.find_spaced(std::string_view(text).substr(symbols[i].begin, symbols[i + 1].begin - symbols[i].begin)));
    }
    ASSERT_EQ(t->encode(text), wanted) << text;
  }
}

TEST(spm, ranks_order_as_scores_do) {
  const float scores[] = {3e38f, 1.0f, 0.5f, 1e-40f, 0.0f, -1e-40f, -0.5f, -1000.0f, -3e38f};
  for (size_t i = 0; i + 1 < std::size(scores); ++i) EXPECT_LT(rank_of_score(scores[i]), rank_of_score(scores[i + 1]));
  EXPECT_EQ(rank_of_score(0.0f), rank_of_score(-0.0f));
}

TEST(spm, falls_back_to_bytes_else_to_one_unknown) {
  Draft d = spm();
  const int32_t space = d.token("\u2581");
  EXPECT_EQ(d.build()->encode("\u00E9\xFF"), (Ids{space, 0xC3 + 1, 0xA9 + 1, 0xFF + 1}));
  d.spec.byte_fallback = false;
  EXPECT_EQ(d.build()->encode("\u00E9\xFF"), (Ids{space, 0}));
  d.spec.fuse_unk = false;
  EXPECT_EQ(d.build()->encode("\u00E9\xFF"), (Ids{space, 0, 0}));
}

TEST(spm, the_leading_space_goes_where_the_file_says) {
  Draft d = spm();
  const int32_t space = d.token("\u2581"), a = d.token("a"), s = d.special("<s>").id;
  EXPECT_EQ(d.build()->encode("a<s>a"), (Ids{space, a, s, space, a}));
  EXPECT_EQ(d.build()->encode(" a"), (Ids{space, space, a}));
  EXPECT_EQ(d.build()->encode(""), Ids{});
  d.spec.space_prefix_if_missing = true;
  EXPECT_EQ(d.build()->encode(" a"), (Ids{space, a}));
  d.spec.space_prefix_every_segment = false;
  EXPECT_EQ(d.build()->encode("a<s>a"), (Ids{space, a, s, a}));
  EXPECT_EQ(d.build()->encode("<s>a"), (Ids{s, a}));
  d.spec.add_space_prefix = false;
  EXPECT_EQ(d.build()->encode("a"), (Ids{a}));
}

TEST(spm, metaspace_words_begin_at_every_space) {
  Draft d = spm();
  const int32_t space = d.token("\u2581"), two = d.token("\u2581\u2581", TokenType::normal, -1);
  d.spec.add_space_prefix = false;
  EXPECT_EQ(d.build()->encode("  "), (Ids{two}));
  d.spec.pre = PreTokenizer::metaspace;
  EXPECT_EQ(d.build()->encode("  "), (Ids{space, space}));
}

TEST(spm, decoding_drops_one_leading_space_and_joins_bytes) {
  Draft d = spm();
  const int32_t space = d.token("\u2581"), a = d.token("\u2581a"), s = d.special("<s>").id;
  const auto t = d.build();
  EXPECT_EQ(t->decode({s, a, a, space}), "a a ");
  EXPECT_EQ(t->decode({space, a}), " a");
  EXPECT_EQ(t->decode({a, 0xC3 + 1, 0xA9 + 1}), "a\u00E9");
}

TEST(detokenizer, text_is_valid_at_every_step) {
  const auto t = byte_level(PreTokenizer::none).build();
  Detokenizer out(*t->tokenizer, false);
  std::string text(t->tokenizer->max_piece_bytes() * 3 + 16, 0);
  const auto push = [&](int32_t id) { return std::string(text.data(), out.push(id, text.data())); };
  EXPECT_EQ(push(0xF0), "");
  EXPECT_EQ(push(0x9F), "");
  EXPECT_EQ(push(0x99), "");
  EXPECT_EQ(push(0x82), "\U0001F642");
  EXPECT_EQ(push(0xE2), "");
  EXPECT_EQ(push('a'), "\uFFFDa");
  EXPECT_EQ(push(0x80), "\uFFFD");
  EXPECT_EQ(push(0xED), "");
  EXPECT_EQ(push(0xA0), "\uFFFD\uFFFD");  // half of a pair is nothing in UTF-8
  EXPECT_EQ(push(0xC3), "");
  EXPECT_EQ(std::string(text.data(), out.finish(text.data())), "\uFFFD");
  EXPECT_EQ(out.finish(text.data()), 0u);
}

TEST(detokenizer, valid_text_comes_out_unchanged) {
  const auto t = byte_level(PreTokenizer::none).build();
  std::string text;
  for (uint32_t c = 1; c < 0x110000; c += 97) {
    char bytes[4];
    if (c < 0xD800 || c >= 0xE000) text.append(bytes, encode_utf8(c, bytes));
  }
  EXPECT_EQ(t->decode(t->encode(text)), text);
}

std::string refusal(Draft d) {
  TestTokenizer t;
  t.build(d.finish());
  return t.error;
}

TEST(build, refuses_what_contradicts_itself) {
  Draft d = byte_level(PreTokenizer::gpt2);
  Draft bad = d;
  bad.merge_texts.emplace_back("a", "zz");
  EXPECT_EQ(refusal(bad), "tokenizer: merge 0 (a + zz): the right part is no token");
  bad = d;
  bad.merge_texts.emplace_back("a", "b");
  EXPECT_EQ(refusal(bad), "tokenizer: merge 0 (a + b): the whole is no token");
  bad = d;
  bad.prefix = {256};
  EXPECT_EQ(refusal(bad), "tokenizer: an id put before the text is 256, there are 256 tokens");
  bad = d;
  bad.spec.eos_id = -2;
  EXPECT_EQ(refusal(bad), "tokenizer: eos is -2, there are 256 tokens");
  bad = d;
  bad.types[7] = TokenType(9);
  EXPECT_EQ(refusal(bad), "tokenizer: token 7 has type 9, wanted 1 to 6");
  bad = d;
  bad.token("<0x-1>", TokenType::byte);
  EXPECT_EQ(refusal(bad), "tokenizer: byte token 256 is <0x-1>, wanted <0x00> to <0xFF>");
  bad = d;
  bad.types.pop_back();
  EXPECT_EQ(refusal(bad), "tokenizer: 255 token types for 256 tokens");
  Draft s = spm();
  s.scores.back() = __builtin_nanf("");
  EXPECT_EQ(refusal(s), "tokenizer: the score of token 256 is nan");
  EXPECT_EQ(refusal(Draft()), "tokenizer: the model has none");
}

TEST(build, says_how_much_memory_is_missing) {
  Draft d = byte_level(PreTokenizer::gpt2);
  char memory[4096];
  Arena arena(memory, sizeof memory);
  const auto t = Tokenizer::build(d.finish(), arena);
  EXPECT_EQ(t.status().code(), Code::out_of_memory);
}

}  // namespace
}  // namespace synapse
