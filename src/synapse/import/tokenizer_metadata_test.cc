// A tokenizer written as metadata and read back is the same tokenizer.
#include "synapse/import/tokenizer_metadata.h"

#include "synapse/import/pattern_engine.h"
#include "synapse/import/tokenizer_json.h"
#include "synapse/runtime/tokenizer_rules.h"
#include "tests/tokenizers.h"

namespace synapse {
namespace {

struct ReadBack : TestTokenizer {
  ReadBack(const TokenizerSpec& from, int64_t vocab_size) {
    const Status status = put_tokenizer(from, vocab_size, metadata);
    size_t bytes = 1 << 20;
    for (const MetaEntry& e : metadata.entries()) bytes += 16 * e.value.bytes.size();
    Arena arena = reserve(bytes);
    Result<TokenizerSpec> read = fail(Code::invalid, status.message());
    if (status.ok()) read = tokenizer_spec(metadata.checkpoint(), arena);
    if (read.ok()) read->pattern_engine = pattern_engine();
    build(read);
  }
  Metadata metadata;
};

// A tokenizer.json and what it stands on.
struct FromJson : TestTokenizer {
  explicit FromJson(std::string_view text) {
    Arena arena = reserve(tokenizer_json_arena_bytes(as_bytes(text)));
    build(read_tokenizer_json(as_bytes(text), arena));
  }
};

constexpr std::string_view kOdd =
    R"({"model": {"type": "BPE", "byte_fallback": true, "fuse_unk": false, "unk_token": "<unk>",
  "vocab": {"<unk>": 0, "<s>": 1, "a": 3, "b": 4, "ab": 5, "▁": 6, "▁a": 7, "[X]": 8}, "merges": ["a b", "▁ a"]},
  "added_tokens": [{"id": 1, "content": "<s>", "special": true},
                   {"id": 8, "content": "[X]", "special": false, "lstrip": true, "normalized": false}],
  "normalizer": {"type": "Replace", "pattern": {"String": " "}, "content": "▁"},
  "post_processor": {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<s>"}}, {"SpecialToken": {"id": "<s>"}},
    {"Sequence": {"id": "A"}}], "special_tokens": {"<s>": {"ids": [1]}}}})";

TEST(tokenizer_metadata, rules_without_a_gguf_key_come_back) {
  const FromJson from(kOdd);
  ASSERT_EQ(from.error, "");
  const ReadBack to(from.spec, 12);
  ASSERT_EQ(to.error, "");
  EXPECT_EQ(to.tokenizer->vocab_size(), 12);
  EXPECT_EQ(to.tokenizer->token_type(2), TokenType::unused);  // the hole
  EXPECT_EQ(to.tokenizer->token_type(11), TokenType::unused);
  EXPECT_FALSE(to.spec.fuse_unk);
  EXPECT_EQ(to.spec.pre, from.spec.pre);
  EXPECT_EQ(to.spec.merges.size(), 2u);
  for (const char* text : {"ab a", " ab", "aab \t[X]b", "x y", "<s>a<unk>"}) {
    EXPECT_EQ(to.encode(text), from.encode(text)) << text;
    EXPECT_EQ(to.encode_plain(text), from.encode_plain(text)) << text;
    EXPECT_EQ(to.decode(to.encode(text)), from.decode(from.encode(text))) << text;
  }
  EXPECT_EQ(to.encode("ab").size(), 3u);  // two <s> and "ab"
}

constexpr std::string_view kCut = R"J({"model": {"type": "BPE", "merges": ["a b"],
  "vocab": {"a": 0, "b": 1, "ab": 2, "x": 3, "\u0120": 4}},
  "normalizer": {"type": "Sequence", "normalizers": [{"type": "NFKC"}, {"type": "Lowercase"},
    {"type": "Replace", "pattern": {"String": "yy"}, "content": "x"},
    {"type": "Strip", "strip_left": false, "strip_right": true}]},
  "pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "Digits", "individual_digits": true},
    {"type": "Split", "pattern": {"Regex": "a(?=b)"}, "behavior": "Isolated", "invert": false},
    {"type": "ByteLevel", "add_prefix_space": false, "use_regex": false}]}, "decoder": {"type": "ByteLevel"}})J";

TEST(tokenizer_metadata, cuts_patterns_and_normalizers_come_back) {
  if (!pattern_engine()) GTEST_SKIP() << "built without a pattern engine";
  std::vector<uint8_t> memory(tokenizer_json_arena_bytes(as_bytes(kCut)) + (1 << 20));
  Arena arena(memory.data(), memory.size());
  const auto from = read_tokenizer_json(as_bytes(kCut), arena);
  ASSERT_TRUE(from.ok()) << from.status().message();
  Metadata metadata;
  ASSERT_TRUE(put_tokenizer(*from, 0, metadata).ok());
  const auto to = tokenizer_spec(metadata.checkpoint(), arena);
  ASSERT_TRUE(to.ok()) << to.status().message();
  EXPECT_TRUE(to->pre == from->pre);
  ASSERT_EQ(to->patterns.size(), 1u);
  EXPECT_EQ(to->patterns[0].regex, "a(?=b)");
  EXPECT_EQ(to->patterns[0].keep_rest, from->patterns[0].keep_rest);
  ASSERT_EQ(to->normalizers.size(), 4u);
  for (size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(to->normalizers[i].step, from->normalizers[i].step) << i;
    EXPECT_EQ(to->normalizers[i].from, from->normalizers[i].from) << i;
    EXPECT_EQ(to->normalizers[i].to, from->normalizers[i].to) << i;
  }
}

constexpr std::string_view kWords = R"J({"model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
    "max_input_chars_per_word": 100, "vocab": {"[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3, "a": 4, "##b": 5, "b": 6, "A": 7, "[": 8, "]": 9}},
  "added_tokens": [{"id": 0, "content": "[PAD]", "special": true}, {"id": 1, "content": "[UNK]", "special": true},
    {"id": 2, "content": "[CLS]", "special": true}, {"id": 3, "content": "[SEP]", "special": true}],
  "normalizer": {"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true, "strip_accents": null, "lowercase": LOWER},
  "pre_tokenizer": {"type": "BertPreTokenizer"}, "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": true},
  "post_processor": {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "[CLS]"}}, {"Sequence": {"id": "A"}},
    {"SpecialToken": {"id": "[SEP]"}}], "special_tokens": {"[CLS]": {"ids": [2]}, "[SEP]": {"ids": [3]}}}})J";

TEST(tokenizer_metadata, words_of_both_cases_come_back) {
  for (const char* lower : {"true", "false"}) {
    std::string json(kWords);
    json.replace(json.find("LOWER"), 5, lower);
    const FromJson from(json);
    ASSERT_EQ(from.error, "");
    const ReadBack to(from.spec, 10);
    ASSERT_EQ(to.error, "");
    EXPECT_EQ(to.metadata.find("synapse.tokenizer.normalizers") == nullptr, lower == std::string_view("true"));
    for (const char* text : {"ab a", "AB", "b[SEP]a", "[ a ]", "c", ""}) {
      EXPECT_EQ(to.encode(text), from.encode(text)) << text;
      EXPECT_EQ(to.decode(to.encode(text)), from.decode(from.encode(text))) << text;
    }
    EXPECT_EQ(to.encode("Ab"), lower == std::string_view("true") ? (std::vector<int32_t>{2, 4, 5, 3}) : (std::vector<int32_t>{2, 7, 5, 3}));
  }
}

TEST(tokenizer_metadata, scores_made_of_merges_merge_in_the_same_order) {
  const FromJson from(kOdd);
  const ReadBack to(from.spec, 0);
  const MetaValue* scores = to.metadata.find("tokenizer.ggml.scores");
  ASSERT_TRUE(scores);
  EXPECT_GT(meta_element(*scores, 5).f, meta_element(*scores, 7).f);  // "ab" before "▁a"
  EXPECT_GT(meta_element(*scores, 7).f, meta_element(*scores, 3).f);  // and both before a letter
}

TEST(tokenizer_metadata, a_vocabulary_beyond_the_embedding_is_refused) {
  const FromJson from(kOdd);
  EXPECT_EQ(ReadBack(from.spec, 7).error, "tokenizer: 9 tokens, token_embd.weight has 7 rows");
  EXPECT_EQ(ReadBack(from.spec, 8).error, "");  // only an added token has no row
}

TEST(tokenizer_metadata, wrong_rules_are_named) {
  const FromJson from(kOdd);
  const auto error = [&](std::string_view key, MetaValue value) {
    ReadBack to(from.spec, 0);
    to.metadata.put(key, value);
    Arena arena = to.reserve(1 << 20);
    return std::string(tokenizer_spec(to.metadata.checkpoint(), arena).status().message());
  };
  const int32_t ids[] = {1, 9};
  EXPECT_EQ(error("synapse.tokenizer.fuse_unk", meta_u32(1)),
            "synapse.tokenizer.fuse_unk: wanted true or false");
  EXPECT_EQ(error("synapse.tokenizer.pre", meta_text("x")),
            "synapse.tokenizer.pre: wanted an array of strings");
  EXPECT_EQ(error("synapse.tokenizer.prefix", meta_array(ids)),
            "synapse.tokenizer.prefix: entry 1 is 9, wanted 0 to 8");
  EXPECT_EQ(error("synapse.tokenizer.prefix", meta_bool(true)),
            "synapse.tokenizer.prefix: wanted an array of i32");
  EXPECT_EQ(error("synapse.tokenizer.added.ids", meta_array(std::span(ids).first(1))),
            "synapse.tokenizer.added.flags: wanted as many entries as added.ids has");
}

class written_vocabulary : public ::testing::TestWithParam<const char*> {};

TEST_P(written_vocabulary, keeps_its_ids) {
  const std::string json = read_file(test_data(GetParam()));
  if (json.empty()) GTEST_SKIP() << "no " << test_data(GetParam());
  const FromJson from(json);
  ASSERT_EQ(from.error, "");
  const ReadBack to(from.spec, 0);
  ASSERT_EQ(to.error, "");
  // The strings are those of llama.cpp's vectors, and one with the control tokens of all of these.
  std::string texts = read_file(test_data("tokenizers/ggml-vocab-gpt-2.gguf.inp"));
  texts += "<s>a</s> <|im_start|>b<|eot_id|>\n<bos>c<end_of_turn><unk>d";
  const std::string separator = "\n__ggml_vocab_test__\n";
  int n = 0;
  for (size_t at = 0; at < texts.size(); ++n) {
    const size_t end = std::min(texts.find(separator, at), texts.size());
    const std::string text = texts.substr(at, end - at);
    at = end + separator.size();
    EXPECT_EQ(to.encode(text), from.encode(text)) << text;
    EXPECT_EQ(to.decode(to.encode(text)), from.decode(from.encode(text))) << text;
  }
  EXPECT_EQ(n, 47);
}
constexpr const char* kVocabularies[] = {"tokenizers-real/qwen3/tokenizer.json",
                                         "tokenizers-real/llama3_1/tokenizer.json",
                                         "tokenizers-real/gemma3/tokenizer.json",
                                         "tokenizers-real/llama2/tokenizer.json",
                                         "tokenizers-hf/smollm/tokenizer.json",
                                         "tokenizers-hf/gpt-neox/tokenizer.json",
                                         "tokenizers-hf/phi-3-mini/tokenizer.json",
                                         "tiny-hf/tiny_bpe_bytelevel_noregex_tokenizer.json",
                                         "tiny-hf/tiny_bpe_falcon_seq_tokenizer.json",
                                         "tiny-hf/tiny_bpe_metaspace_pretok_tokenizer.json",
                                         "tiny-hf/tiny_bpe_metaspace_tokenizer.json",
                                         "tiny-hf/tiny_bpe_split_cl100k_tokenizer.json",
                                         "tiny-hf/tiny_bpe_split_deepseek_tokenizer.json",
                                         "tiny-hf/tiny_bpe_split_o200k_harmony_tokenizer.json",
                                         "tiny-hf/tiny_bpe_split_qwen35_ascii_tokenizer.json"};
INSTANTIATE_TEST_SUITE_P(vocabularies, written_vocabulary, ::testing::ValuesIn(kVocabularies));

}  // namespace
}  // namespace synapse
