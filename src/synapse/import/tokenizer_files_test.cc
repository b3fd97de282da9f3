// Folders of tokenizer files, made here and published.
#include "synapse/import/tokenizer_files.h"

#include <unistd.h>

#include "tests/tokenizers.h"

namespace synapse {
namespace {

namespace fs = std::filesystem;

struct FromFolder : TestTokenizer {
  explicit FromFolder(const fs::path& folder) { build(read_folder_tokenizer(folder, region, files)); }
  Region region;
  std::vector<platform::MappedFile> files;
};

class TokenizerFiles : public testing::Test {
 protected:
  fs::path folder = fs::temp_directory_path() / ("synapse-tokenizer-" + std::to_string(getpid()));
  void SetUp() override { fs::create_directories(folder); }
  void TearDown() override { fs::remove_all(folder); }
  void write(const char* name, std::string_view text) const { std::ofstream(folder / name) << text; }
  void write_gpt2() const {
    write("vocab.json", R"({"a": 0, "b": 1, "ab": 2, "Ġ": 3, "Ġa": 4, "<|endoftext|>": 5})");
    write("merges.txt", "#version: 0.2\na b\r\nĠ a\n");
    write("tokenizer_config.json", R"({"tokenizer_class": "GPT2TokenizerFast"})");
  }
  std::string error() const { return FromFolder(folder).error; }
};

TEST_F(TokenizerFiles, an_rwkv_vocabulary_is_a_tokenizer) {
  write("rwkv_vocab_v20230424.txt", "1 'a' 1\n2 b'\\xff' 1\n3 'a b' 3\n");
  const FromFolder t(folder);
  ASSERT_EQ(t.error, "");
  EXPECT_EQ(t.encode("aa b\xFF"), (Ids{1, 3, 2}));
  EXPECT_EQ(t.spec.end_ids.size(), 1u);
}

TEST_F(TokenizerFiles, a_vocabulary_and_its_merges_make_a_tokenizer) {
  write_gpt2();
  EXPECT_EQ(tokenizer_file_of(folder), "vocab.json");
  write("added_tokens.json", R"({"<x>": 8})");
  const FromFolder t(folder);
  ASSERT_EQ(t.error, "");
  EXPECT_EQ(t.encode("ab a<x><|endoftext|>"), (Ids{2, 4, 8, 5}));
  EXPECT_EQ(t.tokenizer->eos_id(), 5);
  EXPECT_EQ(t.tokenizer->token_type(7), TokenType::unused);
  EXPECT_EQ(t.tokenizer->token_type(8), TokenType::user_defined);
  EXPECT_EQ(t.tokenizer->end_ids().size(), 1u);
}

TEST_F(TokenizerFiles, the_config_names_special_tokens_and_what_stands_around_a_text) {
  write_gpt2();
  write(
      "tokenizer_config.json",
      R"({"tokenizer_class": "Qwen2Tokenizer", "add_bos_token": true, "bos_token": {"content": "<s>"}, "eos_token": "<|im_end|>",
            "added_tokens_decoder": {"6": {"content": "<s>", "special": true}, "7": {"content": "<|im_end|>", "special": true}}})");
  const FromFolder t(folder);
  ASSERT_EQ(t.error, "");
  EXPECT_EQ(t.encode("a<|im_end|>"), (Ids{6, 0, 7}));
  EXPECT_EQ(t.tokenizer->eos_id(), 7);
  ASSERT_EQ(t.spec.normalizers.size(), 1u);
  EXPECT_EQ(t.spec.normalizers[0].step, NormalStep::nfc);

  write_gpt2();
  write("special_tokens_map.json", R"({"eos_token": {"content": "ab"}})");
  EXPECT_EQ(FromFolder(folder).tokenizer->eos_id(), 2);
}

TEST_F(TokenizerFiles, what_is_wrong_is_named) {
  EXPECT_EQ(tokenizer_file_of(folder), "");
  write_gpt2();
  write("tokenizer_config.json", R"({"tokenizer_class": "XGLMTokenizer"})");
  EXPECT_EQ(error(),
            "tokenizer_config.json tokenizer_class: found \"XGLMTokenizer\" for vocab.json and merges.txt, "
            "wanted one of "
            "GPT2Tokenizer, CodeGenTokenizer, Qwen2Tokenizer");
  write_gpt2();
  write("merges.txt", "a b\na b c\n");
  EXPECT_EQ(error(), "merges.txt line 2: 'a b c', wanted two tokens with a space between");
  write_gpt2();
  write("vocab.json", R"({"a": 0, "b": 0})");
  EXPECT_EQ(error(), "vocab.json: id 0 is both a and b");
  write("vocab.json", R"({"a": 4000000000})");
  EXPECT_EQ(error(), "vocab.json: token a has id 4000000000, wanted 0 to 65537");
  write("vocab.json", "[]");
  EXPECT_EQ(error(), "vocab.json: wanted an object of texts and ids");
  write_gpt2();
  write("tokenizer_config.json",
        R"({"tokenizer_class": "GPT2Tokenizer", "added_tokens_decoder": {"x": {"content": "y"}}})");
  EXPECT_EQ(error(), "tokenizer_config.json: token y has id -1, wanted 0 to 65549");
  fs::remove(folder / "merges.txt");
  EXPECT_EQ(tokenizer_file_of(folder), "");
}

TEST_F(TokenizerFiles, published_vocab_and_merges_give_the_ids_of_their_gguf) {
  const std::string from = test_data("tokenizers-hf/qwen2.5/"),
                    gguf = read_file(test_data("tokenizers-rebuilt/vocab-qwen2.5.gguf"));
  const std::string texts = read_file(test_data("tokenizers/ggml-vocab-qwen2.gguf.inp"));
  if (gguf.empty() || texts.empty()) GTEST_SKIP() << "no " << from;
  for (const char* name : {"vocab.json", "merges.txt", "tokenizer_config.json"})
    fs::copy(from + name, folder / name);
  const FromFolder t(folder);
  ASSERT_EQ(t.error, "");
  const auto other = gguf_tokenizer(as_bytes(gguf));
  const std::string separator = "\n__ggml_vocab_test__\n";
  for (size_t at = 0; at < texts.size();) {
    const size_t end = std::min(texts.find(separator, at), texts.size());
    const std::string text = "<|im_start|>" + texts.substr(at, end - at) + "<|im_end|><tool_call>";
    EXPECT_EQ(t.encode(text), other->encode(text)) << text;
    at = end + separator.size();
  }
  EXPECT_EQ(t.tokenizer->eos_id(), 151645);
  EXPECT_EQ(t.tokenizer->token_type(151643), TokenType::control);
}

}  // namespace
}  // namespace synapse
