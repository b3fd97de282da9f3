#include "synapse/import/rwkv_vocab.h"

#include "synapse/base/rng.h"
#include "tests/tokenizers.h"

namespace synapse {
namespace {

std::unique_ptr<TestTokenizer> rwkv(std::string_view text) {
  auto t = std::make_unique<TestTokenizer>();
  const size_t bytes = rwkv_vocab_arena_bytes(as_bytes(text));
  Arena arena = t->reserve(bytes);
  t->build(read_rwkv_vocab(as_bytes(text), arena));
  return t;
}

TEST(rwkv_vocab, literals_of_texts_and_bytes) {
  const auto t = rwkv("1 'a' 1\n2 ' ' 1\n3 \"a'\" 2\n4 '\\n\\t\\\\' 3\n5 b'\\xff\\x80' 2\n6 '\\xe9' 2\n7 '\\u4f60' 3\n8 'a b' 3\n");
  ASSERT_EQ(t->error, "");
  EXPECT_EQ(t->encode("a'a b"), (Ids{3, 8}));
  EXPECT_EQ(t->encode("\n\t\\\xff\x80\u00E9\u4F60 a"), (Ids{4, 5, 6, 7, 2, 1}));
  EXPECT_EQ(t->decode({8, 3, 6, 0, 4}), "a ba'\u00E9\n\t\\");
  EXPECT_EQ(t->tokenizer->eos_id(), 0);
}

TEST(rwkv_vocab, what_is_wrong_is_named) {
  const auto error = [](std::string_view text) { return rwkv(text)->error; };
  EXPECT_EQ(error("1 'a'"), "rwkv vocabulary: line 1: wanted an id, a literal and a size");
  EXPECT_EQ(error("1 'a' 1\n0 'b' 1"), "rwkv vocabulary: line 2: id 0, wanted 1 to 65539");
  EXPECT_EQ(error("99999999 'a' 1"), "rwkv vocabulary: line 1: id 99999999, wanted 1 to 65537");
  EXPECT_EQ(error("1 'a' 2"), "rwkv vocabulary: line 1: the literal is not of 2 bytes");
  for (const char* bad : {"1 a 1", "1 'a 1", "1 '\\' 1", "1 '\\x4' 1", "1 b'\\u0041' 1", "1 '\\U00110000' 4", "1 '' 0"}) {
    EXPECT_TRUE(error(bad).starts_with("rwkv vocabulary: line 1: the literal")) << bad << ": " << error(bad);
  }
}

TEST(rwkv_vocab, the_world_vocabulary_writes_any_bytes) {
  const std::string text = read_file(test_data("tokenizers-hf/rwkv/rwkv_vocab_v20230424.txt"));
  if (text.empty()) GTEST_SKIP() << "no " << test_data("tokenizers-hf/rwkv");
  const auto t = rwkv(text);
  ASSERT_EQ(t->error, "");
  EXPECT_EQ(t->tokenizer->vocab_size(), 65530);
  std::string any;
  for (uint64_t i = 0; i < 100'000; ++i) any += char(random_bits(1, i));
  EXPECT_EQ(t->pieces(t->encode(any)), any);
}

}  // namespace
}  // namespace synapse
