// A tokenizer written as metadata and read back is the same tokenizer.
#include "synapse/import/tokenizer_metadata.h"

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
    build(status.ok() ? tokenizer_spec(metadata.checkpoint(), arena) : Result<TokenizerSpec>(status));
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
  EXPECT_EQ(error("synapse.tokenizer.fuse_unk", meta_u32(1)), "synapse.tokenizer.fuse_unk: wanted true or false");
  EXPECT_EQ(error("synapse.tokenizer.pre", meta_text("x")), "synapse.tokenizer.pre: wanted an array of strings");
  EXPECT_EQ(error("synapse.tokenizer.prefix", meta_array(ids)),
            "synapse.tokenizer.prefix: entry 1 is 9, wanted 0 to 8");
  EXPECT_EQ(error("synapse.tokenizer.prefix", meta_bool(true)),
            "synapse.tokenizer.prefix: wanted an array of i32");
  EXPECT_EQ(error("synapse.tokenizer.added.ids", meta_array(std::span(ids).first(1))),
            "synapse.tokenizer.added.flags: wanted as many entries as added.ids has");
}

class written_vocabulary : public ::testing::TestWithParam<const char*> {};

TEST_P(written_vocabulary, keeps_its_ids) {
  const std::string folder = test_data(std::string("tokenizers-real/") + GetParam());
  const std::string json = read_file(folder + "/tokenizer.json");
  if (json.empty()) GTEST_SKIP() << "no " << folder;
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
INSTANTIATE_TEST_SUITE_P(vocabularies, written_vocabulary,
                         ::testing::Values("qwen3", "llama3_1", "gemma3", "llama2"));

}  // namespace
}  // namespace synapse
