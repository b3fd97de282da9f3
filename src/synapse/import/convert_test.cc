// Files written by convert, read back.
#include "synapse/import/convert.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <fstream>

#include "synapse/base/half.h"
#include "synapse/import/model_card.h"
#include "synapse/io/gguf_write.h"

namespace synapse {
namespace {

namespace fs = std::filesystem;

bool from_half(DType dtype, const uint8_t* in, size_t n, float* y) {
  for (size_t i = 0; i < n; ++i) {
    uint16_t half;
    if (dtype == DType::f16) std::memcpy(&half, in + 2 * i, 2), y[i] = f16_to_f32(half);
  }
  if (dtype == DType::f32) std::memcpy(y, in, 4 * n);
  return true;
}

Status to_half(const NamedTensor& to, int64_t, int64_t, const float* x, std::span<uint8_t> out) {
  if (to.tensor.dtype == DType::f32) std::memcpy(out.data(), x, out.size());
  if (to.tensor.dtype == DType::bf16) return fail(Code::unsupported, to.name, ": no quantiser for BF16");
  for (size_t i = 0; to.tensor.dtype == DType::f16 && i < out.size() / 2; ++i) {
    const uint16_t half = f32_to_f16(x[i]);
    std::memcpy(out.data() + 2 * i, &half, 2);
  }
  return {};
}

struct ConvertOptions {
  std::optional<DType> dtype = {};
  std::string path = {};
  bool overwrite = false;
  bool (*progress)(void*, uint64_t, uint64_t) = nullptr;
};

class Convert : public testing::Test {
 protected:
  fs::path folder = fs::temp_directory_path() / ("synapse-convert-" + std::to_string(getpid()));
  void SetUp() override { fs::create_directories(folder); }
  void TearDown() override { fs::remove_all(folder); }

  // A GGUF of an embedding (3, 40) with values i / 8 and a norm (40).
  std::string write_source(DType dtype, float last = 1) {
    std::vector<float> values(160);
    for (size_t i = 0; i < values.size(); ++i) values[i] = float(i) / 8;
    values[119] = last;
    std::vector<uint16_t> halves;
    for (const float v : values) halves.push_back(f32_to_f16(v));
    const bool wide = dtype == DType::f32;
    void* data = wide ? static_cast<void*>(values.data()) : halves.data();
    const NamedTensor tensors[] = {
        {"token_embd.weight", make_tensor(data, dtype, {3, 40})},
        {"blk.0.attn_q.bias", make_tensor(values.data() + 120, DType::f32, {40})}};
    const MetaEntry metadata[] = {{"general.architecture", meta_text("llama")},
                                  {"general.name", meta_text("a/b c-7b")}};
    Checkpoint checkpoint;
    checkpoint.tensors = tensors, checkpoint.metadata = metadata;
    const std::string path = (folder / "source.gguf").string();
    std::ofstream out(path, std::ios::binary);
    const Sink sink{[](void* file, std::span<const uint8_t> b) -> Status {
                      static_cast<std::ofstream*>(file)->write(reinterpret_cast<const char*>(b.data()),
                                                               std::streamsize(b.size()));
                      return {};
                    },
                    &out};
    EXPECT_TRUE(write_gguf(sink, checkpoint).ok());
    return path;
  }

  std::unique_ptr<Source> open(const std::string& path) {
    Faults faults(lines);
    auto source = Source::open(path, faults);
    EXPECT_TRUE(source.ok()) << source.status().message();
    return source.ok() ? std::move(*source) : nullptr;
  }
  Result<Converted> convert(const std::string& path, const ConvertOptions& options) {
    const auto source = open(path);
    SYN_TRY(planned, plan_conversion(*source, options.dtype));
    WriteOptions write;
    write.path = options.path.empty() ? target() : options.path;
    write.overwrite = options.overwrite, write.progress = options.progress;
    write.codec = {from_half, to_half};
    return write_gguf_of(*source, planned, write);
  }
  std::string target() const { return (folder / "target.gguf").string(); }
  size_t n_files() const {
    return size_t(std::distance(fs::directory_iterator(folder), fs::directory_iterator()));
  }
  char lines[2048] = {};
};

TEST_F(Convert, a_copy_has_the_bytes_and_entries_of_its_source) {
  const auto done = convert(write_source(DType::f16), {});
  ASSERT_TRUE(done.ok()) << done.status().message();
  const auto from = open((folder / "source.gguf").string()), to = open(target());
  EXPECT_EQ(done->bytes, fs::file_size(target()));
  EXPECT_EQ(done->n_metadata, to->checkpoint().metadata.size());
  for (const NamedTensor& t : from->checkpoint().tensors) {
    const Tensor* other = to->checkpoint().tensor(t.name);
    ASSERT_TRUE(other && same_shape(*other, t.tensor) && other->dtype == t.tensor.dtype) << t.name;
    EXPECT_EQ(std::memcmp(other->data, t.tensor.data, t.tensor.bytes()), 0) << t.name;
  }
  EXPECT_EQ(*to->checkpoint().require_text("general.name"), "a/b c-7b");
  EXPECT_EQ(*to->checkpoint().require_text("general.size_label"), "7B");
  EXPECT_EQ(*to->checkpoint().require_int("general.file_type"), 1);
  EXPECT_EQ(*to->checkpoint().require_text("tokenizer.ggml.model"), "no_vocab");
  EXPECT_EQ(n_files(), 2u);
}

TEST_F(Convert, matrices_take_the_format_asked_for_and_vectors_stay_f32) {
  const auto done = convert(write_source(DType::f32), {.dtype = DType::f16});
  ASSERT_TRUE(done.ok()) << done.status().message();
  const auto to = open(target());
  const Tensor* embedding = to->checkpoint().tensor("token_embd.weight");
  ASSERT_EQ(embedding->dtype, DType::f16);
  for (size_t i = 0; i < 119; ++i)
    EXPECT_EQ(f16_to_f32(static_cast<const uint16_t*>(embedding->data)[i]), float(i) / 8) << i;
  EXPECT_EQ(to->checkpoint().tensor("blk.0.attn_q.bias")->dtype, DType::f32);

  const auto back = convert(target(), {.dtype = DType::f32, .path = (folder / "back.gguf").string()});
  ASSERT_TRUE(back.ok()) << back.status().message();
  const auto wide = open((folder / "back.gguf").string());
  EXPECT_EQ(static_cast<const float*>(wide->checkpoint().tensor("token_embd.weight")->data)[118], 118.0f / 8);
}

TEST_F(Convert, rows_that_are_no_whole_blocks_stay_and_are_told) {
  const auto done = convert(write_source(DType::f32), {.dtype = DType::q8_0});
  ASSERT_TRUE(done.ok()) << done.status().message();
  ASSERT_EQ(done->notes.size(), 1u);
  EXPECT_EQ(done->notes[0], "token_embd.weight: rows of 40 are not whole blocks of Q8_0, kept as F32");
}

TEST_F(Convert, what_would_lose_the_numbers_is_refused_and_leaves_no_file) {
  const auto error = [&](DType from, float value, ConvertOptions options) {
    const auto done = convert(write_source(from, value), options);
    EXPECT_FALSE(done.ok());
    EXPECT_EQ(n_files(), 1u);
    return std::string(done.status().message());
  };
  EXPECT_EQ(error(DType::f32, 1e6f, {.dtype = DType::f16}),
            "token_embd.weight: holds 1000000, F16 ends at 65504; wanted F32 or BF16");
  EXPECT_EQ(error(DType::f32, NAN, {.dtype = DType::f16}), "token_embd.weight: holds an infinity or a NaN");
  EXPECT_EQ(error(DType::f32, 1, {.dtype = DType::bf16}), "token_embd.weight: no quantiser for BF16");
  ConvertOptions stopped;
  stopped.progress = [](void*, uint64_t, uint64_t) { return false; };
  EXPECT_EQ(error(DType::f32, 1, stopped), "interrupted at token_embd.weight");
}

TEST_F(Convert, a_file_is_overwritten_only_when_asked) {
  const std::string source = write_source(DType::f32);
  std::ofstream(target()) << "mine";
  const auto refused = convert(source, {});
  EXPECT_EQ(refused.status().message(), target() + ": is there already; --force overwrites it");
  EXPECT_EQ(fs::file_size(target()), 4u);
  EXPECT_TRUE(convert(source, {.overwrite = true}).ok());
  EXPECT_GT(fs::file_size(target()), 4u);
}

TEST(model_name, follows_the_naming_convention) {
  const auto file = [](std::string_view name, uint64_t n, DType dtype) {
    return ModelName::of(name, n).file(label(dtype));
  };
  EXPECT_EQ(file("Qwen3-0.6B", 596049920, DType::bf16), "Qwen3-0.6B-BF16.gguf");
  EXPECT_EQ(file("synapse-story-4m", 4215808, DType::f32), "synapse-story-4M-F32.gguf");
  EXPECT_EQ(file("Llama 3.2 1b Instruct", 1, DType::q8_0), "Llama-3.2-1B-Instruct-Q8_0.gguf");
  EXPECT_EQ(file("Mixtral-8x7B-v0.1-F16", 1, DType::q4_0), "Mixtral-8x7B-v0.1-Q4_0.gguf");
  EXPECT_EQ(file("phi", 3821079552, DType::f16), "phi-3.8B-F16.gguf");
  EXPECT_EQ(file("stories260K", 260032, DType::f32), "stories260K-F32.gguf");
  EXPECT_EQ(file("../../etc/x\n", 999, DType::f32), "etc-x-1.0K-F32.gguf");
  EXPECT_EQ(file("", 0, DType::f32), "model-0.0K-F32.gguf");
  EXPECT_EQ(size_label(596049920), "596M");
  EXPECT_EQ(size_label(70553706496), "71B");
}

TEST(model_card, terms_and_origin_become_metadata) {
  Metadata out;
  read_model_card(
      "---\r\n"
      "license: apache-2.0  # SPDX\r\n"
      "license_link: 'https://example.com/a: b'\r\n"
      "language:\r\n- en\r\n- \"de\"\r\n"
      "tags: [text-generation, 'tiny' ]\r\n"
      "base_model:\r\n  - Qwen/Qwen3-0.6B-Base\r\n  - ../../etc\r\n"
      "model-index:\r\n  - license: mit\r\n"
      "---\r\nlicense: other\r\n",
      out);
  const Checkpoint c = out.checkpoint();
  EXPECT_EQ(*c.require_text("general.license"), "apache-2.0");
  EXPECT_EQ(*c.require_text("general.license.link"), "https://example.com/a: b");
  EXPECT_EQ(*c.require_text("general.base_model.0.name"), "Qwen3 0.6B Base");
  EXPECT_EQ(*c.require_text("general.base_model.0.organization"), "Qwen");
  EXPECT_EQ(*c.require_text("general.base_model.0.repo_url"), "https://huggingface.co/Qwen/Qwen3-0.6B-Base");
  EXPECT_EQ(*c.require_int("general.base_model.count"), 1);
  EXPECT_EQ(c.find("general.languages")->count, 2u);
  EXPECT_EQ(c.find("general.tags")->count, 2u);

  for (const char* card :
       {"", "# Title\nlicense: mit\n", "---\nlicense: mit\n", "---\n---\nlicense: mit", "---\n- [\n---\n"}) {
    Metadata none;
    read_model_card(card, none);
    EXPECT_TRUE(none.entries().empty()) << card;
  }
}

}  // namespace
}  // namespace synapse
