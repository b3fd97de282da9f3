// Words of small texts.
#include "synapse/runtime/pretokenize.h"

#include "tests/tokenizer_draft.h"

namespace synapse {
namespace {

using Words = std::vector<std::string>;

Words words_of(PreTokenizer pre, const std::string& text) {
  Words words;
  for (size_t at = 0; at < text.size();) {
    const size_t end = word_end(pre, text, at);
    words.push_back(text.substr(at, end - at));
    at = end;
  }
  return words;
}

TEST(pretokenize, gpt2) {
  EXPECT_EQ(words_of(PreTokenizer::gpt2, "I'll don'T  go\n\n 12345!? x"),
            (Words{"I", "'ll", " don", "'", "T", " ", " go", "\n\n", " 12345", "!?", " x"}));
  EXPECT_EQ(words_of(PreTokenizer::gpt2, "a   "), (Words{"a", "   "}));
  EXPECT_EQ(words_of(PreTokenizer::gpt2, "a\tb"), (Words{"a", "\t", "b"}));
}

TEST(pretokenize, llama3_and_qwen2_differ_in_digits_only) {
  EXPECT_EQ(words_of(PreTokenizer::llama3, "I'LL\tgo 12345"), (Words{"I", "'LL", "\tgo", " ", "123", "45"}));
  EXPECT_EQ(words_of(PreTokenizer::qwen2, "I'LL\tgo 12345"), (Words{"I", "'LL", "\tgo", " ", "1", "2", "3", "4", "5"}));
  for (const PreTokenizer pre : {PreTokenizer::llama3, PreTokenizer::qwen2}) {
    EXPECT_EQ(words_of(pre, "f(x);\r\n\n  y \n z"), (Words{"f", "(x", ");\r\n\n", " ", " y", " \n", " z"}));
    EXPECT_EQ(words_of(pre, "it'\u017F"), (Words{"it", "'\u017F"}));
    EXPECT_EQ(words_of(pre, "\n  "), (Words{"\n", "  "}));
  }
}

TEST(pretokenize, marks_are_letters_in_qwen35_only) {
  EXPECT_EQ(words_of(PreTokenizer::qwen35, "हिन्दी"), (Words{"हिन्दी"}));
  EXPECT_GT(words_of(PreTokenizer::qwen2, "हिन्दी").size(), 1u);
}

TEST(pretokenize, case_patterns_end_a_word_before_the_next_capital) {
  constexpr PreTokenizer kO200k = PreTokenizer::o200k, kTekken = PreTokenizer::tekken;
  EXPECT_EQ(words_of(kO200k, "HelloWorld ABCdef iPhone's"), (Words{"Hello", "World", " ABCdef", " i", "Phone's"}));
  EXPECT_EQ(words_of(kTekken, "iPhone's 123"), (Words{"i", "Phone", "'s", " ", "1", "2", "3"}));
  EXPECT_EQ(words_of(kO200k, "12345/\n/x"), (Words{"123", "45", "/\n/", "x"}));
  EXPECT_EQ(words_of(kO200k, "ABC\u4F60D"), (Words{"ABC\u4F60", "D"}));        // the last letter without case ends the word
  EXPECT_EQ(words_of(kO200k, "\u0301ABC"), (Words{"\u0301", "ABC"}));          // a mark is no lead when it can be a word
  EXPECT_EQ(words_of(kO200k, "AB\u02B0C"), (Words{"AB\u02B0", "C"}));
  EXPECT_EQ(words_of(PreTokenizer::o200k_plain, "AB\u02B0C"), (Words{"AB\u02B0C"}));
}

TEST(pretokenize, pieces_and_what_lies_between) {
  EXPECT_EQ(words_of(PreTokenizer::digits, "a12b"), (Words{"a", "1", "2", "b"}));
  EXPECT_EQ(words_of(PreTokenizer::digits_by_3, "a1234"), (Words{"a", "123", "4"}));
  EXPECT_EQ(words_of(PreTokenizer::digit_runs, "a1234\u00BDb"), (Words{"a", "1234\u00BD", "b"}));
  EXPECT_EQ(words_of(PreTokenizer::byte_digit_runs, "x\u00BD3"), (Words{"x\xC2", "\xBD" "3"}));
  EXPECT_EQ(words_of(PreTokenizer::three_ascii_digits, "12345"), (Words{"123", "45"}));
  EXPECT_EQ(words_of(PreTokenizer::punctuation, "a!?b"), (Words{"a", "!", "?", "b"}));
  EXPECT_EQ(words_of(PreTokenizer::punctuation_runs, "a!$\u00BFb"), (Words{"a", "!$\u00BF", "b"}));
  EXPECT_EQ(words_of(PreTokenizer::newlines, "a\r\nb"), (Words{"a", "\r", "\n", "b"}));
  EXPECT_EQ(words_of(PreTokenizer::trailing_space, " a b  "), (Words{" a b", "  "}));
  EXPECT_EQ(words_of(PreTokenizer::bert, "ab, c"), (Words{"ab", ",", " ", "c"}));
  EXPECT_EQ(words_of(PreTokenizer::clip, "it's 42"), (Words{"it", "'s", " ", "4", "2"}));
  EXPECT_EQ(words_of(PreTokenizer::bloom, "ab 12, c"), (Words{"ab", " 12", ",", " c"}));
  EXPECT_EQ(words_of(PreTokenizer::spaced_letters, "  ab1"), (Words{" ", " ab", "1"}));
  EXPECT_EQ(words_of(PreTokenizer::deepseek_letters, " ab\u4F60 c"), (Words{" ab", "\u4F60", " c"}));
  EXPECT_EQ(words_of(PreTokenizer::deepseek_v3, "#if x_y  !!\n 1"), (Words{"#if", " x", "_y", " ", " !!\n", " ", "1"}));
}

TEST(pretokenize, long_runs_of_white_space_are_read_once) {
  const std::string text = std::string(1'000'000, ' ') + "a";
  for (int pre = 1; pre < int(PreTokenizer::pattern); ++pre) EXPECT_GE(words_of(PreTokenizer(pre), text).size(), 1u);
}

TEST(pretokenize, every_byte_is_in_one_word) {
  for (uint64_t seed = 0; seed < 400; ++seed) {
    const std::string text = random_text(seed, seed % 2 ? "" : "a'sL l1\n\r\t \xC3\xA9\xE2\x80\x83", 64);
    for (int pre = 1; pre < int(PreTokenizer::pattern); ++pre) {
      std::string joined;
      for (const std::string& w : words_of(PreTokenizer(pre), text)) {
        EXPECT_FALSE(w.empty());
        joined += w;
      }
      EXPECT_EQ(joined, text);
    }
  }
}

}  // namespace
}  // namespace synapse
