// llama2.c files made here, right and wrong, and the real stories260K.
#include "synapse/import/llama2c.h"

#include "synapse/import/source.h"
#include "tests/tokenizers.h"

namespace synapse {
namespace {

namespace fs = std::filesystem;

template <typename T>
void put(std::string& out, T value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

// dim 8, hidden 4, 2 layers, 2 heads of 4, 1 KV head, 5 tokens, 3 positions; the weights count up.
std::string header(int32_t vocab = 5) {
  std::string out;
  for (const int32_t n : {8, 4, 2, 2, 1, vocab, 3}) put(out, n);
  return out;
}
std::string counted(size_t n) {
  std::string out;
  for (size_t i = 0; i < n; ++i) put(out, float(i));
  return out;
}
constexpr size_t kEmbedding = 5 * 8, kLayer = 8 + 2 * 64 + 2 * 32 + 8 + 3 * 32, kAngles = 3 * 4;
std::string version0(bool own_head) {
  return header(own_head ? -5 : 5) +
         counted(kEmbedding + 2 * kLayer + 8 + kAngles + (own_head ? kEmbedding : 0));
}
std::string version1(bool own_head) {
  std::string out = "24ka";
  put(out, 1);
  out += header();
  out.push_back(!own_head);
  out.resize(256, 0);
  return out + counted(kEmbedding + 2 * kLayer + 8 + (own_head ? kEmbedding : 0));
}

struct Opened {
  explicit Opened(std::string_view bytes) : memory(kLlama2cArenaBytes), file(bytes.size() / 4 + 1) {
    std::memcpy(file.data(), bytes.data(), bytes.size());
    Arena arena(memory.data(), memory.size());
    result = read_llama2c({reinterpret_cast<const uint8_t*>(file.data()), bytes.size()}, "tiny", arena);
  }
  float first(std::string_view name) const {
    const Tensor* t = result->tensor(name);
    return t ? *static_cast<const float*>(t->data) : -1;
  }
  std::string error() const { return std::string(result.status().message()); }

  std::vector<uint8_t> memory;
  std::vector<float> file;
  Result<Checkpoint> result = fail(Code::invalid, "");
};

TEST(llama2c, tensors_of_version_0_lie_layer_after_layer_and_kind_after_kind) {
  const Opened tied(version0(false));
  ASSERT_TRUE(tied.result.ok()) << tied.error();
  EXPECT_EQ(tied.result->tensors.size(), 1u + 2 * 9 + 1);
  EXPECT_EQ(tied.first("token_embd.weight"), 0);
  EXPECT_EQ(tied.first("blk.0.attn_norm.weight"), 40);
  EXPECT_EQ(tied.first("blk.1.attn_norm.weight"), 48);
  EXPECT_EQ(tied.first("blk.0.attn_q.weight"), 56);
  EXPECT_EQ(tied.first("blk.1.attn_k.weight"), 56 + 128 + 32);
  EXPECT_EQ(tied.first("blk.0.ffn_up.weight"), 56 + 2 * (64 + 32 + 32 + 64) + 16 + 2 * 64);
  EXPECT_EQ(tied.first("output_norm.weight"), float(kEmbedding + 2 * kLayer));
  EXPECT_FALSE(tied.result->tensor("output.weight"));
  EXPECT_EQ(tied.result->tensor("blk.0.ffn_down.weight")->shape().data[0], 8);
  EXPECT_EQ(tied.result->tensor("blk.0.attn_v.weight")->shape().data[0], 4);
  EXPECT_EQ(*tied.result->require_int("{arch}.attention.head_count_kv"), 1);

  const Opened own(version0(true));
  ASSERT_TRUE(own.result.ok()) << own.error();
  EXPECT_EQ(own.first("output.weight"), float(kEmbedding + 2 * kLayer + 8 + kAngles));
  EXPECT_EQ(*own.result->require_int("{arch}.vocab_size"), 5);
}

TEST(llama2c, version_1_has_the_norms_first_and_says_whether_the_head_is_shared) {
  const Opened own(version1(true));
  ASSERT_TRUE(own.result.ok()) << own.error();
  EXPECT_EQ(own.first("blk.1.attn_norm.weight"), 8);
  EXPECT_EQ(own.first("blk.0.ffn_norm.weight"), 16);
  EXPECT_EQ(own.first("output_norm.weight"), 32);
  EXPECT_EQ(own.first("token_embd.weight"), 40);
  EXPECT_EQ(own.first("output.weight"), float(kEmbedding + 2 * kLayer + 8));
  const Opened tied(version1(false));
  ASSERT_TRUE(tied.result.ok()) << tied.error();
  EXPECT_FALSE(tied.result->tensor("output.weight"));
}

TEST(llama2c, what_is_wrong_is_named) {
  const auto error = [](std::string bytes) { return Opened(bytes).error(); };
  EXPECT_EQ(error(version0(false) + "abcd"),
            "llama2.c checkpoint: 2704 bytes, the header (dim 8, 2 layers, vocabulary 5) wants 2700");
  EXPECT_EQ(error("abc"), "llama2.c checkpoint: 3 bytes, the header has 28");
  std::string quantised = version1(false);
  quantised[4] = 2, quantised[37] = 64;
  EXPECT_EQ(error(quantised),
            "llama2.c checkpoint: version 2 (int8, groups of 64 with float32 scales) is not read; "
            "wanted version 0 or 1, float32");
  std::string heads = version0(false);
  heads[12] = 3;
  EXPECT_EQ(error(heads),
            "llama2.c checkpoint: dim 8, 3 heads and 1 KV heads do not divide into heads of an even size");
  for (size_t field = 0; field < 7; ++field) {
    for (const int32_t bad : {0, INT32_MIN, INT32_MAX}) {
      std::string bytes = version0(false);
      std::memcpy(bytes.data() + 4 * field, &bad, sizeof bad);
      EXPECT_FALSE(Opened(bytes).result.ok()) << field << " " << bad;
    }
  }
}

std::string token(float score, std::string_view text) {
  std::string out;
  put(out, score), put(out, int32_t(text.size()));
  return out.append(text);
}
std::string tiny_tokenizer() {
  std::string out;
  put(out, int32_t(6));
  return out + token(0, "<unk>") + token(0, "\n<s>\n") + token(0, "\n</s>\n") + token(0, "<0x0A>") +
         token(-1, " a") + token(-9, " ") + token(-10, "a");
}

TEST(llama2c, tokenizer_bin_gets_its_spaces_and_control_tokens_back) {
  const std::string file = tiny_tokenizer();
  TestTokenizer t;
  Arena arena = t.reserve(llama2c_tokenizer_arena_bytes(as_bytes(file)));
  t.build(read_llama2c_tokenizer(as_bytes(file), 7, arena));
  ASSERT_EQ(t.error, "");
  EXPECT_EQ(t.tokenizer->token_text(4), "\u2581a");
  EXPECT_EQ(t.tokenizer->token_text(1), "<s>");
  EXPECT_EQ(t.encode("a\na"), (Ids{1, 4, 3, 6}));
  EXPECT_EQ(t.decode({1, 4, 3, 6, 4}), "a\na a");

  const auto error = [&](std::string_view bytes, int32_t n) {
    Arena again = t.reserve(1 << 20);
    const auto spec = read_llama2c_tokenizer(as_bytes(bytes), n, again);
    return std::string(spec.status().message());
  };
  EXPECT_EQ(error(file, 6), "llama2.c tokenizer: more than the 6 tokens that the model has");
  EXPECT_EQ(error(file, 8), "llama2.c tokenizer: ends at token 7, the model has 8");
  EXPECT_EQ(error(file, 32000), "llama2.c tokenizer: 86 bytes, too few for 32000 tokens");
  EXPECT_NE(error(file.substr(0, file.size() - 1), 7).find("token 6: 1 bytes, the file has 0 more"),
            std::string::npos);
}

TEST(llama2c, a_checkpoint_without_a_tokenizer_beside_it_says_what_is_missing) {
  const fs::path folder = fs::temp_directory_path() / ("synapse-llama2c-" + std::to_string(getpid()));
  fs::create_directories(folder);
  std::ofstream(folder / "tiny.bin", std::ios::binary) << version0(false);
  char lines[512];
  Faults faults(lines);
  auto source = Source::open((folder / "tiny.bin").string(), faults);
  ASSERT_TRUE(source.ok()) << source.status().message();
  EXPECT_NE((*source)->tokenizer().status().message().find("wanted tok5.bin or tokenizer.bin beside it"),
            std::string_view::npos);
  fs::remove_all(folder);
}

TEST(llama2c, the_tokenizer_of_stories260K_gives_the_ids_of_its_gguf) {
  const std::string file = read_file(test_data("weights/stories260K/tok512.bin"));
  const std::string gguf = read_file(test_data("weights/stories260K/stories260K-f32.gguf"));
  if (file.empty() || gguf.empty()) GTEST_SKIP() << "no " << test_data("weights/stories260K");
  TestTokenizer t;
  Arena arena = t.reserve(llama2c_tokenizer_arena_bytes(as_bytes(file)));
  t.build(read_llama2c_tokenizer(as_bytes(file), 512, arena));
  ASSERT_EQ(t.error, "");
  const auto other = gguf_tokenizer(as_bytes(gguf));
  for (const char* text :
       {"Once upon a time", "  two  spaces\n\ttab", "caf\u00e9 \u4f60\u597d", "", "<s> </s>"}) {
    EXPECT_EQ(t.encode(text), other->encode(text)) << text;
    EXPECT_EQ(t.decode(t.encode(text)), other->decode(other->encode(text))) << text;
  }
}

}  // namespace
}  // namespace synapse
