#include "synapse/import/rwkv_bin.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "synapse/import/metadata.h"
#include "synapse/import/tokenizer_metadata.h"
#include "synapse/runtime/tokenizer.h"

namespace synapse {
namespace {

// A file in memory, tensor by tensor.
struct File {
  std::string bytes;

  explicit File(int32_t n_layers = 1, int32_t version = 101) {
    for (int32_t n : {0x67676d66, version, 4, 8, n_layers, 0}) put(n);
  }
  void put(int32_t n) { bytes.append(reinterpret_cast<const char*>(&n), sizeof n); }
  // Dims innermost first; F32 elements count up from `first`.
  File& add(const std::string& name, std::vector<int32_t> dims, float first = 0, int32_t format = 0) {
    put(int32_t(dims.size())), put(int32_t(name.size())), put(format);
    int32_t n = 1;
    for (int32_t d : dims) put(d), n *= d;
    bytes += name;
    if (format != 0) return bytes.append(size_t(n), '\x11'), *this;  // the caller made it come out right
    for (int32_t i = 0; i < n; ++i) {
      const float x = first + float(i);
      bytes.append(reinterpret_cast<const char*>(&x), sizeof x);
    }
    return *this;
  }
  std::span<const uint8_t> span() const { return {reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()}; }

  Result<Checkpoint> read() {
    const auto most = rwkv_bin_arena_bytes(span());
    if (!most.ok()) return most.status();
    memory.resize(*most + 64);
    arena = Arena(memory.data(), memory.size());
    return read_rwkv_bin(span(), "small", arena);
  }
  std::vector<uint8_t> memory;
  Arena arena;
};

std::string message(File file) { return std::string(file.read().status().message()); }

TEST(rwkv_bin, names_shapes_and_numbers_are_ggufs) {
  File file(2);
  file.add("emb.weight", {8, 4}).add("blocks.0.ln0.bias", {8}, 5).add("blocks.1.att.x_rwkvag", {8, 1, 6}, 1);
  file.add("blocks.1.att.r_k", {4, 2}).add("blocks.1.att.w1", {8, 3}).add("blocks.1.ffn.key.weight", {8, 32});
  const auto read = file.read();
  ASSERT_TRUE(read.ok()) << read.status().message();
  EXPECT_EQ(read->architecture(), "rwkv7");
  EXPECT_EQ(*read->require_int("{arch}.wkv.head_size"), 4);
  EXPECT_EQ(*read->require_int("{arch}.attention.decay_lora_rank"), 3);
  EXPECT_EQ(*read->require_int("{arch}.feed_forward_length"), 32);
  const Tensor* mix = read->tensor("blk.1.time_mix_lerp_fused.weight");
  ASSERT_TRUE(mix);
  EXPECT_EQ(mix->rank, 1);
  EXPECT_EQ(mix->cols(), 48);
  EXPECT_EQ(static_cast<float*>(mix->data)[47], 48.0f);
  const Tensor* embedding = read->tensor("token_embd.weight");
  ASSERT_TRUE(embedding);
  EXPECT_EQ(embedding->rows(), 4);
  EXPECT_EQ(embedding->cols(), 8);
  EXPECT_EQ(static_cast<float*>(read->tensor("token_embd_norm.bias")->data)[0], 5.0f);
}

TEST(rwkv_bin, what_is_wrong_is_named) {
  EXPECT_EQ(message(File(1, 100)), "rwkv.cpp checkpoint: version 100, wanted 101");
  EXPECT_EQ(message(File(0)), "rwkv.cpp checkpoint: layers: 0, wanted 1 to 4096");
  EXPECT_EQ(message(File().add("blocks.1.ln1.weight", {8})),
            "rwkv.cpp checkpoint: blocks.1.ln1.weight: not a tensor of an RWKV-7 model of 1 layers; other versions of RWKV are not run");
  EXPECT_EQ(message(File().add("blocks.0.att.time_maa_x", {8})),
            "rwkv.cpp checkpoint: blocks.0.att.time_maa_x: not a tensor of an RWKV-7 model of 1 layers; other versions of RWKV are not run");
  EXPECT_EQ(message(File().add("emb.weight", {8, 1, 1})), "rwkv.cpp checkpoint: emb.weight: 3 dims, wanted 2");
  EXPECT_EQ(message(File().add("emb.weight", {8, 1}, 0, 4)), "rwkv.cpp checkpoint: emb.weight: format 4, wanted 0, 1, 2, 3, 7, 8 or 9");
  EXPECT_EQ(message(File().add("emb.weight", {8, 1}, 0, 7)), "rwkv.cpp checkpoint: emb.weight: rows of 8, Q5_0 has blocks of 32");
  File huge;
  for (int32_t n : {2, 10, 0, 1 << 30, 1 << 30}) huge.put(n);
  huge.bytes += "emb.weight";
  EXPECT_NE(message(huge).find("does not fit the file"), std::string::npos) << message(huge);
}

TEST(rwkv_bin, any_shorter_file_is_an_error_or_has_fewer_tensors) {
  File whole;
  whole.add("emb.weight", {8, 4}).add("ln_out.weight", {8});
  size_t n_ok = 0;
  for (size_t n = 0; n < whole.bytes.size(); ++n) {
    File part = whole;
    part.bytes.resize(n);
    const auto read = part.read();
    n_ok += read.ok();
    if (read.ok()) {
      EXPECT_LT(read->tensors.size(), 2u);
    }
  }
  EXPECT_EQ(n_ok, 2u);  // the header alone, and with one tensor
}

TEST(rwkv_bin, a_model_of_256_tokens_reads_bytes) {
  std::vector<uint8_t> memory(size_t(1) << 20);
  Arena arena(memory.data(), memory.size());
  const auto spec = byte_tokenizer(arena);
  ASSERT_TRUE(spec.ok()) << spec.status().message();
  EXPECT_LE(arena.peak(), kByteTokenizerArenaBytes);
  const auto tokenizer = Tokenizer::build(*spec, arena);
  ASSERT_TRUE(tokenizer.ok()) << tokenizer.status().message();
  int32_t ids[8];
  const auto n = (*tokenizer)->encode(std::string_view("\"in\0\xff", 5), {}, ids, arena);
  ASSERT_TRUE(n.ok()) << n.status().message();
  EXPECT_EQ(std::vector<int32_t>(ids, ids + *n), (std::vector<int32_t>{0x22, 0x69, 0x6E, 0, 0xff}));
}

TEST(rwkv_bin, the_bytes_survive_gguf) {
  std::vector<uint8_t> memory(size_t(1) << 20);
  Arena arena(memory.data(), memory.size());
  const auto spec = byte_tokenizer(arena);
  ASSERT_TRUE(spec.ok());
  Metadata metadata;
  ASSERT_TRUE(put_tokenizer(*spec, 256, metadata).ok());
  EXPECT_EQ(metadata.find("tokenizer.ggml.model")->as_text(), "rwkv");
  const auto read = tokenizer_spec(metadata.checkpoint(), arena);
  ASSERT_TRUE(read.ok()) << read.status().message();
  ASSERT_EQ(read->tokens.size(), 256u);
  for (size_t i = 0; i < 256; ++i) EXPECT_EQ(read->tokens[i], std::string(1, char(i))) << i;
}

}  // namespace
}  // namespace synapse
