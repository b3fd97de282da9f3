// What -m may name, on real files.
#include "synapse/import/source.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

#include "synapse/import/synth.h"
#include "synapse/io/gguf_write.h"

namespace synapse {
namespace {

namespace fs = std::filesystem;

class SourceTest : public testing::Test {
 protected:
  fs::path folder = fs::temp_directory_path() / ("synapse-source-" + std::to_string(getpid()));
  void SetUp() override {
    fs::create_directories(folder);
    for (const SynthShape& shape : synth_shapes())
      if (shape.name == "tiny-llama") {
        const auto f32_only = [](DType dtype, void* out, const float* in, size_t n) {
          if (dtype == DType::f32) std::memcpy(out, in, n * sizeof(float));
          return dtype == DType::f32;
        };
        ASSERT_TRUE(write_synth(shape, DType::f32, 1, f32_only, (folder / "whole.gguf").string(), true).ok());
      }
  }
  void TearDown() override { fs::remove_all(folder); }

  Result<std::unique_ptr<Source>> open(const fs::path& path) {
    Faults faults(lines);
    return Source::open(path.string(), faults);
  }
  char lines[2048] = {};

  // Tensors first .. +n of `whole` as part `no` of `count`, with the metadata if it is the first.
  void write_part(const Checkpoint& whole, const fs::path& path, uint16_t no, uint16_t count, size_t first, size_t n) {
    std::vector<MetaEntry> metadata;
    if (no == 0) metadata.assign(whole.metadata.begin(), whole.metadata.end());
    MetaValue number;
    number.type = MetaType::u16, number.u = no;
    metadata.push_back({"split.no", number});
    number.u = count;
    metadata.push_back({"split.count", number});
    number.type = MetaType::i32, number.u = 0, number.i = int64_t(whole.tensors.size());
    metadata.push_back({"split.tensors.count", number});
    Checkpoint part;
    part.metadata = metadata, part.tensors = whole.tensors.subspan(first, n);
    std::ofstream out(path, std::ios::binary);
    const Sink sink{[](void* file, std::span<const uint8_t> bytes) -> Status {
                      static_cast<std::ofstream*>(file)->write(reinterpret_cast<const char*>(bytes.data()),
                                                               std::streamsize(bytes.size()));
                      return {};
                    },
                    &out};
    ASSERT_TRUE(write_gguf(sink, part).ok());
  }
};

TEST_F(SourceTest, a_split_file_opens_by_any_part_and_equals_the_whole) {
  const auto whole = open(folder / "whole.gguf");
  ASSERT_TRUE(whole.ok()) << whole.status().message();
  const Checkpoint& a = (*whole)->checkpoint();
  const size_t n = a.tensors.size(), half = n / 2;
  write_part(a, folder / "m-00001-of-00002.gguf", 0, 2, 0, half);
  write_part(a, folder / "m-00002-of-00002.gguf", 1, 2, half, n - half);

  for (const char* name : {"m-00001-of-00002.gguf", "m-00002-of-00002.gguf"}) {
    const auto split = open(folder / name);
    ASSERT_TRUE(split.ok()) << split.status().message();
    EXPECT_EQ((*split)->n_files(), 2u);
    const Checkpoint& b = (*split)->checkpoint();
    ASSERT_EQ(b.tensors.size(), n);
    for (const NamedTensor& t : a.tensors) {
      const Tensor* other = b.tensor(t.name);
      ASSERT_TRUE(other) << t.name;
      ASSERT_TRUE(same_shape(*other, t.tensor));
      EXPECT_EQ(std::memcmp(other->data, t.tensor.data, t.tensor.bytes()), 0) << t.name;
    }
    EXPECT_EQ(b.architecture(), "llama");
    EXPECT_TRUE((*split)->tokenizer().ok());
  }

  fs::remove(folder / "m-00002-of-00002.gguf");
  const auto missing = open(folder / "m-00001-of-00002.gguf");
  ASSERT_FALSE(missing.ok());
  EXPECT_NE(missing.status().message().find("m-00002-of-00002.gguf"), std::string_view::npos) << missing.status().message();

  write_part(a, folder / "m-00002-of-00002.gguf", 0, 2, half, n - half);  // says that it is the first
  EXPECT_FALSE(open(folder / "m-00001-of-00002.gguf").ok());
}

TEST_F(SourceTest, a_folder_with_one_gguf_is_that_model_and_with_two_is_refused) {
  EXPECT_TRUE(open(folder).ok());
  fs::copy(folder / "whole.gguf", folder / "second.gguf");
  const auto both = open(folder);
  ASSERT_FALSE(both.ok());
  EXPECT_NE(both.status().message().find("2 GGUF files, wanted one"), std::string_view::npos) << both.status().message();
}

TEST_F(SourceTest, what_is_no_model_is_named) {
  std::ofstream(folder / "text.gguf") << "this is not a model";
  for (const char* name : {"text.gguf", "absent.gguf"}) {
    const auto source = open(folder / name);
    ASSERT_FALSE(source.ok());
    EXPECT_NE(source.status().message().find(name), std::string_view::npos) << source.status().message();
  }
}

}  // namespace
}  // namespace synapse
