#include "synapse/import/safetensors.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "synapse/platform/platform.h"

namespace synapse {
namespace {

namespace fs = std::filesystem;

std::vector<uint8_t> file_of(std::string_view header, size_t n_bytes, int64_t length = -1) {
  const uint64_t size = length < 0 ? header.size() : uint64_t(length);
  std::vector<uint8_t> out(8 + header.size() + n_bytes, 1);
  std::memcpy(out.data(), &size, 8);
  std::memcpy(out.data() + 8, header.data(), header.size());
  return out;
}

struct Loaded {
  explicit Loaded(std::span<const uint8_t> file)
      : memory(safetensors_arena_bytes(file) + 1),
        arena(memory.data(), memory.size()),
        result(read_safetensors(file, arena)) {}
  explicit Loaded(std::string_view header, size_t n_bytes) : Loaded(file_of(header, n_bytes)) {}
  std::string error() const { return std::string(result.status().message()); }

  std::vector<uint8_t> memory;
  Arena arena;
  Result<std::vector<NamedTensor>> result;
};

TEST(safetensors, tensors_come_in_the_order_of_their_bytes) {
  const auto file = file_of(
      R"({"b":{"dtype":"F16","shape":[2,3],"data_offsets":[8,20]},"__metadata__":{"format":"pt"},)"
      R"("a":{"dtype":"I64","shape":[],"data_offsets":[0,8]},"z":{"dtype":"BOOL","shape":[0,5],"data_offsets":[20,20]}}   )",
      20);
  Loaded l(file);
  ASSERT_TRUE(l.result.ok()) << l.error();
  ASSERT_EQ(l.result->size(), 3u);
  const NamedTensor& a = (*l.result)[0];
  const NamedTensor& b = (*l.result)[1];
  EXPECT_EQ(a.name, "a");
  EXPECT_EQ(a.tensor.dtype, DType::i64);
  EXPECT_EQ(a.tensor.size(), 1u);
  EXPECT_EQ(b.tensor.dims, (Shape{2, 3, 0, 0}));
  EXPECT_EQ(b.tensor.data, file.data() + file.size() - 12);
  EXPECT_TRUE(b.tensor.contiguous());
}

struct BadCase {
  std::string_view header;
  size_t n_bytes;
  std::string_view message;
};

TEST(safetensors, files_that_lie_are_refused) {
  const BadCase cases[] = {
      {R"([])", 0, "does not start with {"},
      {R"( {})", 0, "does not start with {"},
      {R"({"a")", 0, "json: "},
      {R"({"a":1})", 0, "a: wanted dtype, shape"},
      {R"({"a":{"dtype":"F32","shape":[1]}})", 4, "a: wanted dtype, shape"},
      {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"x":0}})", 4, "a: wanted dtype, shape"},
      {R"({"a":{"dtype":"F8_E4M3","shape":[4],"data_offsets":[0,4]}})", 4, "dtype \"F8_E4M3\""},
      {R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}})", 4, "4 bytes, its shape wants 2 elements"},
      {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,5]}})", 5, "5 bytes"},
      {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}})", 4, "data_offsets 4 to 0"},
      {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,8]}})", 4, "the buffer has 4 bytes"},
      {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[-4,0]}})", 4, "data_offsets"},
      {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,18446744073709551615]}})", 4, "data_offsets"},
      {R"({"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}})", 4, "dimension 0"},
      {R"({"a":{"dtype":"F32","shape":[1.5],"data_offsets":[0,4]}})", 4, "dimension 0"},
      {R"({"a":{"dtype":"F32","shape":[4294967296],"data_offsets":[0,4]}})", 4, "dimension 0"},
      {R"({"a":{"dtype":"F32","shape":[2147483647,2147483647,2147483647],"data_offsets":[0,4]}})", 4,
       "2^31 - 1 rows"},
      {R"({"a":{"dtype":"I8","shape":[65536,65536,0,1],"data_offsets":[0,0]}})", 0, "2^31 - 1 rows"},
      {R"({"a":{"dtype":"F64","shape":[2147483647,2147483647],"data_offsets":[0,4]}})", 4,
       "4 bytes, its shape"},
      {R"({"a":{"dtype":"I8","shape":[1,1,1,1,1],"data_offsets":[0,1]}})", 1, "5 dimensions"},
      {R"({"a":{"dtype":"I8","shape":[4],"data_offsets":[0,4]},"b":{"dtype":"I8","shape":[4],"data_offsets":[2,6]}})",
       6, "b: overlaps"},
      {R"({"a":{"dtype":"I8","shape":[4],"data_offsets":[0,4]},"b":{"dtype":"I8","shape":[4],"data_offsets":[0,4]}})",
       4, "overlaps"},
      {R"({"a":{"dtype":"I8","shape":[4],"data_offsets":[1,5]}})", 5, "a: a hole before byte 1"},
      {R"({"a":{"dtype":"I8","shape":[4],"data_offsets":[0,4]}})", 5, "1 bytes after the last tensor"},
      {R"({"a":{"dtype":"I8","shape":[4],"data_offsets":[0,4]},"a":{"dtype":"I8","shape":[4],"data_offsets":[4,8]}})",
       8, "\"a\" twice"},
      {R"({"":{"dtype":"I8","shape":[4],"data_offsets":[0,4]}})", 4, "without a name"},
      {R"({"__metadata__":{"a":1}})", 0, "not a string"},
      {R"({"__metadata__":3})", 0, "not an object"},
  };
  for (const BadCase& c : cases) {
    Loaded l(c.header, c.n_bytes);
    EXPECT_FALSE(l.result.ok()) << c.header;
    EXPECT_NE(l.error().find(c.message), std::string::npos) << c.header << " -> " << l.error();
  }
}

TEST(safetensors, header_lengths_that_lie_are_refused) {
  EXPECT_FALSE(Loaded(file_of("{}", 0, 0)).result.ok());
  EXPECT_FALSE(Loaded(file_of("{}", 0, 3)).result.ok());
  EXPECT_FALSE(Loaded(file_of("{}", 0, INT64_MAX)).result.ok());
  EXPECT_FALSE(Loaded(file_of("{}", 0, 100'000'001)).result.ok());
  EXPECT_FALSE(Loaded(std::vector<uint8_t>(7)).result.ok());
  EXPECT_FALSE(Loaded(std::vector<uint8_t>()).result.ok());
  EXPECT_TRUE(Loaded(file_of("{}", 0)).result.ok());
}

TEST(safetensors, shard_names_stay_inside_the_folder) {
  std::vector<uint8_t> memory(1 << 16);
  const auto index = [&](std::string_view file) {
    Arena arena(memory.data(), memory.size());
    const std::string json = R"({"weight_map":{"a":")" + std::string(file) + R"(","b":"x.safetensors"}})";
    return read_shard_index({reinterpret_cast<const uint8_t*>(json.data()), json.size()}, arena);
  };
  for (const char* bad : {"../x", "/etc/passwd", "a/b", "..", ".", "", "a\\\\b", "a\\u0000b", ".hidden"})
    EXPECT_FALSE(index(bad).ok()) << bad;
  ASSERT_TRUE(index("y.safetensors").ok());
  EXPECT_EQ(index("y.safetensors")->files.size(), 2u);
  EXPECT_EQ(index("x.safetensors")->files.size(), 1u);
}

std::vector<uint8_t> written(std::span<const NamedTensor> tensors) {
  std::vector<uint8_t> out;
  const Sink sink{[](void* context, std::span<const uint8_t> bytes) {
                    auto& v = *static_cast<std::vector<uint8_t>*>(context);
                    v.insert(v.end(), bytes.begin(), bytes.end());
                    return Status();
                  },
                  &out};
  EXPECT_TRUE(write_safetensors(sink, tensors).ok());
  return out;
}

TEST(safetensors, what_is_written_reads_back_here_and_in_python) {
  float w[6] = {1, 2, 3, 4, 5, 6};
  const NamedTensor tensors[] = {{"w \"quoted\"", make_tensor(w, DType::f32, {2, 3})},
                                 {"v", make_tensor(w, DType::f16, {4})}};
  const auto file = written(tensors);
  Loaded l(file);
  ASSERT_TRUE(l.result.ok()) << l.error();
  EXPECT_EQ((*l.result)[0].name, "w \"quoted\"");
  EXPECT_TRUE(same_shape((*l.result)[0].tensor, tensors[0].tensor));
  EXPECT_EQ(std::memcmp((*l.result)[0].tensor.data, w, sizeof w), 0);

  const char* set = std::getenv("SYNAPSE_TEST_PYTHON");
  const std::string python = set ? set : "python3";
  if (std::system((python + " -c 'import safetensors.numpy' 2>/dev/null").c_str()) != 0)
    GTEST_SKIP() << "no python with safetensors";
  const fs::path path = fs::path(::testing::TempDir()) / "synapse_safetensors_test.safetensors";
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(file.data()), std::streamsize(file.size()));
  const std::string script =
      "import safetensors.numpy as s; t = s.load_file('" + path.string() +
      "'); assert t['w \\\"quoted\\\"'].tolist() == [[1, 2, 3], [4, 5, 6]] and t['v'].shape == (4,), t";
  EXPECT_EQ(std::system((python + " -c \"" + script + "\"").c_str()), 0);
  fs::remove(path);
}

TEST(safetensors, public_files_are_read) {
  const char* set = std::getenv("SYNAPSE_TEST_DATA");
  const fs::path folder = (set ? fs::path(set) : fs::path(SYNAPSE_SOURCE_DIR) / "../shared/data") / "tiny-hf";
  if (!fs::exists(folder)) GTEST_SKIP() << "no test data";
  int n = 0;
  for (const auto& item : fs::directory_iterator(folder)) {
    if (item.path().extension() != ".safetensors") continue;
    auto file = platform::MappedFile::open(item.path().c_str());
    ASSERT_TRUE(file.ok());
    Loaded l(file->bytes());
    EXPECT_TRUE(l.result.ok() || l.result.status().code() == Code::unsupported)
        << item.path() << " " << l.error();
    EXPECT_LE(l.arena.peak(), l.memory.size());
    n += l.result.ok();
  }
  EXPECT_GE(n, 50);
}

}  // namespace
}  // namespace synapse
