// Published vocabularies: exact ids of llama.cpp's vectors.
#include <sstream>

#include "synapse/base/rng.h"
#include "tests/tokenizers.h"

namespace synapse {
namespace {

struct Vectors {
  const char* vocabulary;  // GGUF
  const char* strings;     // .inp and .out
};

bool lower_cases(std::string_view vocabulary) { return vocabulary.find("bert") != vocabulary.npos; }

class published_gguf : public ::testing::TestWithParam<Vectors> {};

TEST_P(published_gguf, gives_the_ids_of_llama_cpp) {
  const std::string file = read_file(test_data(GetParam().vocabulary));
  const std::string inp = read_file(test_data(GetParam().strings) + std::string(".inp"));
  std::istringstream out(read_file(test_data(GetParam().strings) + std::string(".out")));
  if (file.empty() || inp.empty()) GTEST_SKIP() << "no " << test_data(GetParam().vocabulary);
  const auto t = gguf_tokenizer(as_bytes(file));
  ASSERT_EQ(t->error, "");

  const std::string separator = "\n__ggml_vocab_test__\n";
  int n = 0;
  for (size_t at = 0; at < inp.size(); ++n) {
    const size_t end = std::min(inp.find(separator, at), inp.size());
    const std::string text = inp.substr(at, end - at);
    at = end + separator.size();
    std::string line;
    ASSERT_TRUE(bool(std::getline(out, line)));
    std::istringstream numbers(line);
    const Ids wanted{std::istream_iterator<int32_t>(numbers), {}};
    EXPECT_EQ(t->encode_plain(text), wanted) << n << ": " << text;
    if (!lower_cases(GetParam().vocabulary)) { EXPECT_EQ(t->decode(t->encode_plain(text)), text); }
  }
  EXPECT_EQ(n, 46);
}

constexpr Vectors kVectors[] = {
    {"tokenizers/ggml-vocab-gpt-2.gguf", "tokenizers/ggml-vocab-gpt-2.gguf"},
    {"tokenizers/ggml-vocab-mpt.gguf", "tokenizers/ggml-vocab-mpt.gguf"},
    {"tokenizers/ggml-vocab-llama-spm.gguf", "tokenizers/ggml-vocab-llama-spm.gguf"},
    {"tokenizers/ggml-vocab-bert-bge.gguf", "tokenizers/ggml-vocab-bert-bge.gguf"},
    {"tokenizers/ggml-vocab-phi-3.gguf", "tokenizers/ggml-vocab-phi-3.gguf"},
    {"tokenizers-rebuilt/vocab-llama3.gguf", "tokenizers/ggml-vocab-llama-bpe.gguf"},
    {"tokenizers-rebuilt/vocab-qwen2.5.gguf", "tokenizers/ggml-vocab-qwen2.gguf"},
};
INSTANTIATE_TEST_SUITE_P(vocabularies, published_gguf, ::testing::ValuesIn(kVectors));

// Half of it any bytes, half of it pieces that patterns and merges stumble over.
TEST(published_gguf, ten_megabytes_of_any_bytes_come_back) {
  constexpr size_t kHalf = SYNAPSE_IS_SANITIZED ? 500'000 : 5'000'000;
  constexpr std::string_view kPieces[] = {"    ", "\n\n", "aaaaaaaa", "\xF0\x9F", "1234", "<|endoftext|>", "'s", "\xE2\x80\x8D", "\xC2\xA0", "ABCdef", "...."};
  const std::string file = read_file(test_data("tokenizers/ggml-vocab-gpt-2.gguf"));
  if (file.empty()) GTEST_SKIP() << "no " << test_data("tokenizers/ggml-vocab-gpt-2.gguf");
  const auto t = gguf_tokenizer(as_bytes(file));
  std::string text;
  for (uint64_t i = 0; text.size() < kHalf; ++i) text += char(random_bits(1, i));
  for (uint64_t i = 0; text.size() < 2 * kHalf; ++i) {
    const uint64_t r = random_bits(2, i);
    for (uint64_t k = 0; k <= r % 37; ++k) text += kPieces[(r >> 8) % std::size(kPieces)];
  }
  EXPECT_TRUE(t->pieces(t->encode(text)) == text);
}

}  // namespace
}  // namespace synapse
