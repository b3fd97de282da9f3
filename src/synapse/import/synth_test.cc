#include "synapse/import/synth.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <vector>

#include "synapse/base/half.h"
#include "synapse/io/gguf.h"
#include "synapse/platform/platform.h"
#include "synapse/runtime/tokenizer.h"

namespace synapse {
namespace {

namespace fs = std::filesystem;

// f16, and for Q8_0 blocks of zeros: the shape of a file, not its numbers, is what is tested with it.
bool quantize(DType dtype, void* out, const float* in, size_t n) {
  if (dtype != DType::f16 && dtype != DType::q8_0) return false;
  if (dtype == DType::q8_0) return std::memset(out, 0, row_bytes(dtype, int64_t(n))), true;
  for (size_t i = 0; i < n; ++i) static_cast<uint16_t*>(out)[i] = f32_to_f16(in[i]);
  return true;
}

struct Written {
  Written(std::string_view name, DType dtype, uint64_t seed = 1)
      : path(fs::path(::testing::TempDir()) / ("synapse_synth_" + std::to_string(::getpid()) + ".gguf")) {
    for (const SynthShape& s : synth_shapes())
      if (s.name == name) status = write_synth(s, dtype, seed, quantize, path.string(), true);
    if (!status.ok()) return;
    auto opened = platform::MappedFile::open(path.c_str());
    file = std::move(*opened);
    part = file.bytes();
    memory.resize(gguf_arena_bytes({&part, 1}));
    arena = Arena(memory.data(), memory.size());
    checkpoint = *read_gguf({&part, 1}, arena);
  }
  ~Written() { fs::remove(path); }
  int unfinished() const {  // files beside it that begin with its name
    int n = 0;
    for (const auto& entry : fs::directory_iterator(path.parent_path()))
      n += entry.path() != path && entry.path().filename().string().starts_with(path.filename().string());
    return n;
  }

  fs::path path;
  Status status = fail(Code::not_found, "no such shape");
  platform::MappedFile file;
  std::span<const uint8_t> part;
  std::vector<uint8_t> memory;
  Arena arena;
  Checkpoint checkpoint;
};

TEST(synth, tiny_models_have_the_tensors_and_numbers_of_their_family) {
  for (const char* name : {"tiny-llama", "tiny-qwen3"}) {
    const Written w(name, DType::f16);
    ASSERT_TRUE(w.status.ok()) << w.status.message();
    const bool is_qwen = w.checkpoint.architecture() == "qwen3";
    EXPECT_EQ(w.checkpoint.tensors.size(), 2u + 2 * (is_qwen ? 11 : 9));
    EXPECT_EQ(w.checkpoint.tensor("blk.1.attn_q.weight")->dims, (Shape{128, 64, 0, 0}));
    EXPECT_EQ(w.checkpoint.tensor("blk.1.attn_q.weight")->dtype, DType::f16);
    EXPECT_EQ(w.checkpoint.tensor("blk.1.ffn_norm.weight")->dtype, DType::f32);
    EXPECT_EQ(*w.checkpoint.require_int("{arch}.attention.key_length"), 32);
    EXPECT_EQ(*w.checkpoint.require_int("general.file_type"), 1);
    EXPECT_EQ(w.unfinished(), 0);
  }
}

TEST(synth, recurrent_models_have_what_their_families_read) {
  const Written mamba("tiny-mamba", DType::f16), rwkv("tiny-rwkv7", DType::q8_0);
  ASSERT_TRUE(mamba.status.ok() && rwkv.status.ok()) << mamba.status.message() << rwkv.status.message();
  EXPECT_EQ(mamba.checkpoint.tensors.size(), 2u + 2 * 10);
  EXPECT_EQ(*mamba.checkpoint.require_int("{arch}.ssm.time_step_rank"), 8);
  const Tensor* a = mamba.checkpoint.tensor("blk.1.ssm_a");
  for (size_t i = 0; i < a->size(); ++i) ASSERT_LT(static_cast<const float*>(a->data)[i], 0);
  EXPECT_EQ(mamba.checkpoint.tensor("blk.0.ssm_dt.weight")->dtype, DType::f32);
  EXPECT_EQ(rwkv.checkpoint.tensor("blk.1.time_mix_v1.weight")->dims[0], 32);
  EXPECT_EQ(rwkv.checkpoint.tensor("blk.1.time_mix_g2.weight")->dtype, DType::q8_0);
  EXPECT_EQ(*rwkv.checkpoint.require_int("{arch}.wkv.head_size"), 64);
  for (const float x : std::span(static_cast<const float*>(rwkv.checkpoint.tensor("blk.0.time_mix_lerp_fused.weight")->data), 6 * 128)) ASSERT_TRUE(x >= 0 && x <= 1);
}

TEST(synth, weights_have_the_stated_deviation_and_follow_the_seed) {
  const Written a("tiny-llama", DType::f32), b("tiny-llama", DType::f32), c("tiny-llama", DType::f32, 2);
  const Tensor* t = a.checkpoint.tensor("token_embd.weight");
  double squares = 0, sum = 0;
  for (size_t i = 0; i < t->size(); ++i) {
    const double x = static_cast<const float*>(t->data)[i];
    squares += x * x, sum += x;
  }
  EXPECT_NEAR(std::sqrt(squares / double(t->size())) * std::sqrt(64.0), 1, 0.02);
  EXPECT_NEAR(sum / double(t->size()), 0, 0.01);
  EXPECT_EQ(std::memcmp(t->data, b.checkpoint.tensor("token_embd.weight")->data, t->bytes()), 0);
  EXPECT_NE(std::memcmp(t->data, c.checkpoint.tensor("token_embd.weight")->data, t->bytes()), 0);
}

TEST(synth, the_tokenizer_builds_and_gives_back_any_text) {
  for (const char* name : {"tiny-llama", "tiny-qwen3"}) {
    const Written w(name, DType::f16);
    std::vector<uint8_t> memory(1 << 22), scratch_memory(1 << 20);
    Arena arena(memory.data(), memory.size()), scratch(scratch_memory.data(), scratch_memory.size());
    const auto spec = tokenizer_spec(w.checkpoint, arena);
    ASSERT_TRUE(spec.ok()) << spec.status().message();
    const auto built = Tokenizer::build(*spec, arena);
    ASSERT_TRUE(built.ok()) << built.status().message();
    EXPECT_EQ((*built)->vocab_size(), 512);
    int32_t ids[64];
    const std::string_view text = "about 12 cats, naïve\n";
    const auto n = (*built)->encode(text, {.add_special = false}, ids, scratch);
    ASSERT_TRUE(n.ok()) << n.status().message();
    EXPECT_LT(*n, text.size());  // some merges apply
    std::string back;
    for (size_t i = 0; i < *n; ++i) {
      char piece[64];
      back.append(piece, (*built)->piece(ids[i], false, piece));
    }
    EXPECT_EQ(back, text);
  }
}

TEST(synth, what_cannot_be_written_is_an_error_and_leaves_nothing) {
  const Written none("tiny-llama", DType::bf16);
  EXPECT_EQ(none.status.message(), "token_embd.weight: no quantiser for BF16");
  EXPECT_FALSE(fs::exists(none.path) || none.unfinished());
  EXPECT_EQ(write_synth(synth_shapes()[2], DType::i64, 1, quantize, none.path.string(), true).code(),
            Code::unsupported);
  EXPECT_EQ(write_synth(synth_shapes()[2], DType::f32, 1, quantize, "/nowhere/at/all.gguf", true).code(),
            Code::not_found);
}

TEST(synth, the_public_python_reader_reads_it) {
  const char* set = std::getenv("SYNAPSE_TEST_PYTHON");
  const std::string python = set ? set : "python3";
  if (std::system((python + " -c 'import gguf' 2>/dev/null").c_str()) != 0)
    GTEST_SKIP() << "no python with gguf";
  const Written w("tiny-qwen3", DType::q8_0);
  ASSERT_TRUE(w.status.ok()) << w.status.message();
  const std::string script =
      "import gguf; r = gguf.GGUFReader('" + w.path.string() +
      "'); k = r.fields['tokenizer.ggml.tokens'].contents(); assert len(set(k)) == 512, len(k);"
      "t = {t.name: t.tensor_type.name for t in r.tensors};"
      "assert t['blk.0.ffn_up.weight'] == 'Q8_0' and t['output_norm.weight'] == 'F32', t";
  EXPECT_EQ(std::system((python + " -c \"" + script + "\"").c_str()), 0);
}

}  // namespace
}  // namespace synapse
