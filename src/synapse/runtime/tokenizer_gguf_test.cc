// tokenizer.ggml.* keys, right and wrong.
#include <cstring>
#include <map>

#include "tests/tokenizers.h"

namespace synapse {
namespace {

// Metadata as read_gguf gives it.
class Metadata {
 public:
  Metadata& text(const std::string& key, const std::string& value) {
    MetaValue v;
    v.type = MetaType::string;
    v.text = keep(value);
    values_[key] = v;
    return *this;
  }
  Metadata& number(const std::string& key, uint64_t value) {
    MetaValue v;
    v.type = MetaType::u32;
    v.u = value;
    values_[key] = v;
    return *this;
  }
  Metadata& flag(const std::string& key, bool value) {
    number(key, value);
    values_[key].type = MetaType::boolean;
    return *this;
  }
  Metadata& texts(const std::string& key, const std::vector<std::string>& list) {
    std::string bytes;
    for (const std::string& s : list) {
      const uint64_t n = s.size();
      bytes.append(reinterpret_cast<const char*>(&n), sizeof n);
      bytes += s;
    }
    return array(key, MetaType::string, list.size(), bytes);
  }
  template <typename T>
  Metadata& numbers(const std::string& key, MetaType type, const std::vector<T>& list) {
    return array(key, type, list.size(), std::string(reinterpret_cast<const char*>(list.data()), list.size() * sizeof(T)));
  }
  Metadata& without(const std::string& key) { return values_.erase(key), *this; }

  std::unique_ptr<TestTokenizer> build() const {
    std::vector<MetaEntry> entries;
    for (const auto& [key, value] : values_) entries.push_back({key, value});
    Checkpoint checkpoint;
    checkpoint.metadata = entries;
    auto t = std::make_unique<TestTokenizer>();
    Arena arena = t->reserve(1 << 20);
    t->build(tokenizer_spec(checkpoint, arena));
    return t;
  }
  std::string error() const { return build()->error; }

 private:
  Metadata& array(const std::string& key, MetaType element, uint64_t count, const std::string& bytes) {
    MetaValue v;
    v.type = MetaType::array;
    v.element = element;
    v.count = count;
    v.bytes = as_bytes(keep(bytes));
    values_[key] = v;
    return *this;
  }
  std::string_view keep(const std::string& s) { return *kept_.emplace_back(std::make_shared<std::string>(s)); }

  std::map<std::string, MetaValue> values_;
  std::vector<std::shared_ptr<std::string>> kept_;
};

Metadata gpt2() {
  Metadata m;
  m.text("tokenizer.ggml.model", "gpt2").text("tokenizer.ggml.pre", "qwen2");
  m.texts("tokenizer.ggml.tokens", {"a", "b", "ab", "<s>", "<|im_end|>", "<t>"});
  m.numbers<int32_t>("tokenizer.ggml.token_type", MetaType::i32, {1, 1, 1, 3, 3, 4});
  m.texts("tokenizer.ggml.merges", {"a b"});
  return m.number("tokenizer.ggml.bos_token_id", 3).number("tokenizer.ggml.eos_token_id", 3);
}

Metadata llama() {
  Metadata m;
  m.text("tokenizer.ggml.model", "llama").texts("tokenizer.ggml.tokens", {"<unk>", "<s>", "</s>", "\u2581", "a", "\u2581a"});
  m.numbers<int32_t>("tokenizer.ggml.token_type", MetaType::i32, {2, 3, 3, 1, 1, 1});
  return m.numbers<float>("tokenizer.ggml.scores", MetaType::f32, {0, 0, 0, -3, -2, -1});
}

TEST(tokenizer_gguf, byte_level_with_the_ids_of_its_keys) {
  const auto t = gpt2().build();
  ASSERT_EQ(t->error, "");
  EXPECT_EQ(t->encode("ab<s><t>"), (Ids{2, 3, 5}));
  EXPECT_EQ(Ids(t->spec.end_ids.begin(), t->spec.end_ids.end()), (Ids{3, 4}));
  EXPECT_EQ(gpt2().flag("tokenizer.ggml.add_bos_token", true).flag("tokenizer.ggml.add_eos_token", true).build()->encode("a"), (Ids{3, 0, 3}));
  EXPECT_EQ(gpt2().text("tokenizer.ggml.pre", "llama-bpe").build()->encode("a"), (Ids{3, 0}));
}

TEST(tokenizer_gguf, sentencepiece_defaults) {
  const auto t = llama().build();
  ASSERT_EQ(t->error, "");
  EXPECT_EQ(t->encode("a"), (Ids{1, 5}));
  EXPECT_EQ(t->tokenizer->eos_id(), 2);
  EXPECT_EQ(llama().flag("tokenizer.ggml.add_space_prefix", false).flag("tokenizer.ggml.add_bos_token", false).build()->encode("a"), (Ids{4}));
}

TEST(tokenizer_gguf, a_file_without_tokenizer_has_kind_none) {
  EXPECT_EQ(Metadata().error(), "tokenizer: the model has none");
  EXPECT_EQ(Metadata().text("tokenizer.ggml.model", "none").error(), "tokenizer: the model has none");
}

TEST(tokenizer_gguf, unknown_kinds_are_named) {
  EXPECT_EQ(Metadata().text("tokenizer.ggml.model", "t5").error(), "tokenizer.ggml.model: t5, wanted gpt2, llama, bert, rwkv or none");
  const std::string error = gpt2().text("tokenizer.ggml.pre", "afmoe").error();
  EXPECT_TRUE(error.starts_with("tokenizer.ggml.pre: afmoe, wanted one of gpt-2 default")) << error;
}

TEST(tokenizer_gguf, lengths_and_ids_are_proven) {
  EXPECT_EQ(gpt2().without("tokenizer.ggml.tokens").error(), "tokenizer.ggml.tokens: none, wanted the vocabulary");
  EXPECT_EQ(gpt2().number("tokenizer.ggml.tokens", 3).error(), "tokenizer.ggml.tokens: wanted an array of strings");
  EXPECT_EQ(gpt2().without("tokenizer.ggml.merges").error(), "tokenizer.ggml.merges: none, wanted the merges of a gpt2 tokenizer");
  EXPECT_EQ(gpt2().texts("tokenizer.ggml.merges", {"ab"}).error(),
            "tokenizer.ggml.merges: entry 0 is 'ab', wanted two tokens with a space between");
  EXPECT_EQ(gpt2().numbers<int32_t>("tokenizer.ggml.token_type", MetaType::i32, {1, 1}).error(),
            "tokenizer.ggml.token_type: 2 entries, there are 6 tokens");
  EXPECT_EQ(gpt2().numbers<int32_t>("tokenizer.ggml.token_type", MetaType::i32, {1, 1, 1, 3, 3, 7}).error(),
            "tokenizer.ggml.token_type: entry 5, wanted 1 to 6");
  EXPECT_EQ(gpt2().number("tokenizer.ggml.eos_token_id", 6).error(), "tokenizer.ggml.eos_token_id: 6, wanted an id below 6");
  EXPECT_EQ(llama().numbers<float>("tokenizer.ggml.scores", MetaType::f32, {0}).error(),
            "tokenizer.ggml.scores: 1 entries, there are 6 tokens");
  EXPECT_EQ(llama().without("tokenizer.ggml.scores").error(), "tokenizer.ggml.scores: none, wanted those of a llama tokenizer");
}

TEST(tokenizer_gguf, bert_is_wordpiece_between_cls_and_sep) {
  Metadata m;
  m.text("tokenizer.ggml.model", "bert").texts("tokenizer.ggml.tokens", {"[UNK]", "[CLS]", "[SEP]", "\u2581un", "able", "\u2581,"});
  m.numbers<int32_t>("tokenizer.ggml.token_type", MetaType::i32, {2, 3, 3, 1, 1, 1});
  m.number("tokenizer.ggml.unknown_token_id", 0).number("tokenizer.ggml.cls_token_id", 1).number("tokenizer.ggml.seperator_token_id", 2);
  const auto t = m.build();
  ASSERT_EQ(t->error, "");
  EXPECT_EQ(t->encode("\u00DCnable, xx"), (Ids{1, 3, 4, 5, 0, 2}));
  EXPECT_EQ(t->encode_plain("un"), (Ids{3}));
  EXPECT_EQ(t->decode({1, 3, 4, 5, 3, 2}), "unable, un");
  EXPECT_EQ(m.flag("tokenizer.ggml.add_bos_token", false).build()->encode("un"), (Ids{3, 2}));
}

TEST(tokenizer_gguf, rwkv_tokens_are_escaped_bytes) {
  Metadata m;
  m.text("tokenizer.ggml.model", "rwkv");
  m.texts("tokenizer.ggml.tokens", {"<s>", "a", "\\n", "\\xe4\\xbd\\xa0", "\\\\x", "a\\'", "\\x4", "[PAD7]"});
  m.numbers<int32_t>("tokenizer.ggml.token_type", MetaType::i32, {3, 1, 1, 1, 1, 1, 1, 5});
  const auto t = m.build();
  ASSERT_EQ(t->error, "");
  EXPECT_EQ(t->encode("a\n\u4F60\\xa'x4"), (Ids{1, 2, 3, 4, 5, 6}));
  EXPECT_EQ(t->pieces({3, 4, 5}), "\u4F60\\xa'");
}

}  // namespace
}  // namespace synapse
