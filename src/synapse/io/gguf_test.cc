#include "synapse/io/gguf.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "synapse/io/gguf_write.h"
#include "synapse/platform/platform.h"

namespace synapse {
namespace {

namespace fs = std::filesystem;
using Part = std::span<const uint8_t>;
using Parts = std::vector<Part>;

// A GGUF file put together by hand, so that any field can be wrong.
struct File {
  std::vector<uint8_t> bytes;

  template <typename T>
  File& put(T value) {
    const auto* p = reinterpret_cast<const uint8_t*>(&value);
    bytes.insert(bytes.end(), p, p + sizeof value);
    return *this;
  }
  File& text(std::string_view s) {
    put(uint64_t(s.size()));
    bytes.insert(bytes.end(), s.begin(), s.end());
    return *this;
  }
  File& header(uint64_t n_tensors, uint64_t n_entries, uint32_t version = 3) {
    return put(uint32_t(0x46554747)).put(version).put(n_tensors).put(n_entries);
  }
  File& u32(std::string_view key, uint32_t value) { return text(key).put(uint32_t(4)).put(value); }
  File& u16(std::string_view key, uint16_t value) { return text(key).put(uint32_t(2)).put(value); }
  File& i32(std::string_view key, int32_t value) { return text(key).put(uint32_t(5)).put(value); }
  File& array(std::string_view key, uint32_t element, uint64_t count) {
    return text(key).put(uint32_t(9)).put(element).put(count);
  }
  File& tensor(std::string_view name, std::vector<uint64_t> dims, uint32_t type, uint64_t offset) {
    text(name).put(uint32_t(dims.size()));
    for (const uint64_t d : dims) put(d);
    return put(type).put(offset);
  }
  File& data(size_t n, size_t alignment = 32) {
    bytes.resize((bytes.size() + alignment - 1) / alignment * alignment);
    bytes.resize(bytes.size() + n, 7);
    return *this;
  }
};

struct Loaded {
  explicit Loaded(Parts parts)
      : memory(std::max<size_t>(gguf_arena_bytes(parts), 1)),
        arena(memory.data(), memory.size()),
        result(read_gguf(parts, arena)) {}
  explicit Loaded(const File& file) : Loaded(Parts{file.bytes}) {}
  std::string error() const { return std::string(result.status().message()); }

  std::vector<uint8_t> memory;
  Arena arena;
  Result<Checkpoint> result;
};

::testing::AssertionResult refused(const File& file, std::string_view why) {
  const Loaded l(file);
  if (l.result.ok()) return ::testing::AssertionFailure() << "was accepted, wanted: " << why;
  if (l.result.status().code() == Code::out_of_memory || l.error().find(why) == std::string::npos) {
    return ::testing::AssertionFailure() << l.error() << " | wanted: " << why;
  }
  return ::testing::AssertionSuccess();
}

constexpr uint32_t kF32 = 0, kQ8 = 8;
constexpr uint64_t kHuge = UINT64_MAX;

File good() { return File().header(1, 1).u32("general.alignment", 32).tensor("w", {4, 2}, kF32, 0).data(32); }

TEST(gguf, reads_every_metadata_type) {
  File f;
  f.header(0, 15).text("general.architecture").put(uint32_t(8)).text("toy");
  f.text("u8").put(uint32_t(0)).put(uint8_t(200)).text("i8").put(uint32_t(1)).put(int8_t(-3));
  f.u16("u16", 60000)
      .text("i16")
      .put(uint32_t(3))
      .put(int16_t(-300))
      .u32("u32", 4000000000u)
      .i32("toy.depth", -7);
  f.text("f32").put(uint32_t(6)).put(1.5f).text("yes").put(uint32_t(7)).put(uint8_t(1));
  f.text("u64")
      .put(uint32_t(10))
      .put(kHuge)
      .text("i64")
      .put(uint32_t(11))
      .put(int64_t(-5))
      .text("f64")
      .put(uint32_t(12))
      .put(2.5);
  f.array("texts", 8, 2).text("a").text("").array("numbers", 4, 2).put(uint32_t(5)).put(uint32_t(6));
  f.array("nested", 9, 1).put(uint32_t(0)).put(uint64_t(2)).put(uint16_t(0));
  Loaded l(f);
  ASSERT_TRUE(l.result.ok()) << l.error();
  const Checkpoint& c = *l.result;
  EXPECT_EQ(c.architecture(), "toy");
  EXPECT_EQ(c.find("u8")->as_int(), 200);
  EXPECT_EQ(c.find("i8")->as_int(), -3);
  EXPECT_EQ(c.find("u16")->as_int(), 60000);
  EXPECT_EQ(c.find("i16")->as_int(), -300);
  EXPECT_EQ(c.find("u32")->as_int(), 4000000000);
  EXPECT_EQ(*c.require_int("{arch}.depth"), -7);
  EXPECT_EQ(c.find("f32")->as_float(), 1.5);
  EXPECT_EQ(c.find("yes")->as_bool(), true);
  EXPECT_EQ(c.find("yes")->as_int(), std::nullopt);
  EXPECT_EQ(c.find("u64")->as_int(), std::nullopt);
  EXPECT_EQ(c.find("u64")->u, kHuge);
  EXPECT_EQ(c.find("i64")->as_int(), -5);
  EXPECT_EQ(c.find("f64")->as_float(), 2.5);
  StringWalk walk(*c.find("texts"));
  std::string_view text;
  EXPECT_TRUE(walk.next(text) && text == "a" && walk.next(text) && text.empty() && !walk.next(text));
  EXPECT_EQ(meta_element(*c.find("numbers"), 1).as_int(), 6);
  EXPECT_EQ(c.find("nested")->count, 1u);
  EXPECT_EQ(c.find("nothing"), nullptr);
  EXPECT_EQ(c.require_int("{arch}.width").status().message(),
            "toy.width: not in the file, wanted an integer");
  EXPECT_EQ(c.require_int("f32").status().message(), "f32: found f32, wanted an integer");
  EXPECT_EQ(c.require_text("u8").status().message(), "u8: found u8, wanted a string");
}

TEST(gguf, tensors_are_views_with_dims_outermost_first) {
  const File f = File()
                     .header(3, 0)
                     .tensor("b", {4, 3, 2}, kF32, 96)
                     .tensor("a", {64, 1}, kQ8, 0)
                     .tensor("s", {}, kF32, 192)
                     .data(196);
  Loaded l(f);
  ASSERT_TRUE(l.result.ok()) << l.error();
  const Tensor* b = l.result->tensor("b");
  ASSERT_NE(b, nullptr);
  EXPECT_EQ(b->rank, 3);
  EXPECT_EQ(b->dims, (Shape{2, 3, 4, 0}));
  EXPECT_TRUE(b->contiguous());
  EXPECT_EQ(b->strides[0], 48u);
  EXPECT_EQ(static_cast<const uint8_t*>(b->data), f.bytes.data() + f.bytes.size() - 196 + 96);
  EXPECT_EQ(l.result->tensor("a")->bytes(), 68u);
  EXPECT_EQ(l.result->tensor("s")->size(), 1u);
  EXPECT_EQ(l.result->tensor("c"), nullptr);
}

TEST(gguf, headers_that_lie_are_refused) {
  EXPECT_TRUE(Loaded(good()).result.ok());
  EXPECT_TRUE(refused(File(), "not a GGUF"));
  EXPECT_TRUE(refused(File().put(uint32_t(0x46554747)), "ends inside its header"));
  EXPECT_TRUE(refused(File().put(uint32_t(0x12345678)).put(uint32_t(3)).put(uint64_t(0)).put(uint64_t(0)),
                      "not a GGUF"));
  EXPECT_TRUE(refused(File().header(0, 0, 1), "version 1, wanted 2 or 3"));
  EXPECT_TRUE(refused(File().header(0, 0, 4), "version 4"));
  EXPECT_TRUE(refused(File().header(0, 0, 0x03000000), "big-endian"));
  EXPECT_TRUE(refused(File().put(uint32_t(0x47475546)).put(uint32_t(3)).put(uint64_t(0)).put(uint64_t(0)),
                      "big-endian"));
  EXPECT_TRUE(refused(File().header(kHuge, 0), "tensors in 0 bytes"));           // CVE-2024-21836
  EXPECT_TRUE(refused(File().header(0, kHuge), "metadata entries in 0 bytes"));  // CVE-2024-23496
  EXPECT_TRUE(refused(File().header(1, 0), "1 tensors in 0 bytes"));
  EXPECT_TRUE(refused(File().header(0, 1000).data(64), "1000 metadata entries in"));
  EXPECT_TRUE(
      refused(File().header(0, uint64_t(1) << 58).data(64), "metadata entries"));  // count * size wraps
  EXPECT_TRUE(refused(File().header(uint64_t(1) << 61, 0).data(64), "tensors in"));
}

TEST(gguf, metadata_that_lies_is_refused) {
  EXPECT_TRUE(
      refused(File().header(0, 1).put(kHuge).data(64), "metadata key"));  // CVE-2024-23605: string length
  EXPECT_TRUE(refused(File().header(0, 1).put(uint64_t(0)).put(uint32_t(4)).data(16), "metadata key: empty"));
  EXPECT_TRUE(refused(File().header(0, 1).put(uint64_t(70000)).data(80000), "metadata key"));
  EXPECT_TRUE(refused(File().header(0, 1).text("k").put(uint32_t(13)).data(8), "k: unknown type 13"));
  EXPECT_TRUE(refused(File().header(0, 1).text("k").put(uint32_t(8)).put(kHuge), "k: a string longer"));
  EXPECT_TRUE(
      refused(File().header(0, 1).text("k").put(uint32_t(8)).put(kHuge - 7).data(64), "k: a string longer"));
  EXPECT_TRUE(
      refused(File().header(0, 1).text("kkkk").put(uint32_t(10)).put(uint32_t(0)), "ends inside its value"));
  EXPECT_TRUE(refused(File().header(0, 1).text("k").put(uint32_t(7)).put(uint8_t(2)), "neither 0 nor 1"));
  EXPECT_TRUE(refused(File().header(0, 1).array("k", 4, kHuge).data(64), "k: an array longer"));
  EXPECT_TRUE(
      refused(File().header(0, 1).array("k", 12, (uint64_t(1) << 61) + 1).data(64), "k: an array longer"));
  EXPECT_TRUE(refused(File().header(0, 1).array("k", 8, kHuge).data(64), "k: an array longer"));
  EXPECT_TRUE(
      refused(File().header(0, 1).array("k", 8, 2).text("a").put(kHuge).put(kHuge), "k: a string longer"));
  EXPECT_TRUE(refused(File().header(0, 1).array("k", 99, 1).data(64), "array of an unknown type"));
  EXPECT_TRUE(refused(File().header(0, 1).array("k", 9, kHuge).data(64), "k: an array longer"));
  EXPECT_TRUE(refused(File().header(0, 1).array("k", 7, 1).put(uint8_t(9)), "neither 0 nor 1"));
  EXPECT_TRUE(refused(File().header(0, 2).u32("k", 1).u32("k", 2), "metadata k: stands twice"));
  EXPECT_TRUE(refused(File().header(0, 1).u32("{arch}.k", 1), "{arch}.k: a key may not begin with {arch}"));
  File nest;
  nest.header(0, 1).text("k").put(uint32_t(9));
  for (int i = 0; i < 100000; ++i) nest.put(uint32_t(9)).put(uint64_t(1));
  EXPECT_TRUE(refused(nest, "nested more than 4 deep"));
}

TEST(gguf, alignments_that_are_wrong_are_refused) {
  const auto with = [](uint32_t a) { return File().header(0, 1).u32("general.alignment", a); };
  for (const uint32_t a : {0u, 1u, 7u, 24u, 33u, 0x80000000u, 1u << 21, UINT32_MAX})
    EXPECT_TRUE(refused(with(a), "general.alignment: found"));
  for (const uint32_t a : {8u, 32u, 4096u, 1u << 20}) EXPECT_TRUE(Loaded(with(a)).result.ok()) << a;
  EXPECT_TRUE(refused(File().header(0, 1).text("general.alignment").put(uint32_t(8)).text("32"),
                      "general.alignment"));
  const File wide =
      File().header(1, 1).u32("general.alignment", 4096).tensor("w", {4}, kF32, 0).data(16, 4096);
  Loaded l(wide);
  ASSERT_TRUE(l.result.ok()) << l.error();
  EXPECT_EQ(static_cast<const uint8_t*>(l.result->tensor("w")->data), wide.bytes.data() + 4096);
}

TEST(gguf, tensors_that_lie_are_refused) {
  const auto one = [](std::vector<uint64_t> dims, uint32_t type, uint64_t offset) {
    return File().header(1, 0).tensor("w", dims, type, offset).data(64);
  };
  EXPECT_TRUE(Loaded(one({16}, kF32, 0)).result.ok());
  EXPECT_TRUE(refused(one({17}, kF32, 0), "bytes 0 + 68, the file has 64"));  // CVE-2026-7482
  EXPECT_TRUE(refused(one({1 << 20}, kF32, 0), "the file has"));
  EXPECT_TRUE(refused(one({4}, kF32, 8), "not a multiple of 32"));
  EXPECT_TRUE(refused(one({16}, kF32, 32), "bytes 32 + 64"));
  EXPECT_TRUE(refused(one({4}, kF32, kHuge - 31), "bytes"));       // offset + bytes wraps
  EXPECT_TRUE(refused(one({0}, kF32, 0), "w: dimension 0 is 0"));  // null tensors
  EXPECT_TRUE(refused(one({4, 0}, kF32, 0), "w: dimension 1 is 0"));
  EXPECT_TRUE(refused(one({kHuge}, kF32, 0), "w: dimension 0"));  // CVE-2024-21802
  EXPECT_TRUE(refused(one({uint64_t(1) << 31}, kF32, 0), "w: dimension 0"));
  EXPECT_TRUE(refused(one({1, 0x7fffffff, 0x7fffffff}, kF32, 0), "more than 2^31"));
  EXPECT_TRUE(refused(one({0x40000000, 4, 0x40000000, 4}, kF32, 0), "w: "));  // product is 2^64: wraps to 0
  EXPECT_TRUE(refused(one({0x7fffffff, 0x7fffffff}, 28, 0), "rows of"));   // CVE-2025-53630, CVE-2026-27940
  EXPECT_TRUE(refused(one({0x7fffffe0, 0x7fffffff}, kQ8, 0), "rows of"));  // wraps only once padded
  EXPECT_TRUE(refused(one({4, 1, 1, 1, 1}, kF32, 0), "5 dimensions"));
  EXPECT_TRUE(refused(one({33}, kQ8, 0), "rows of 33 elements, Q8_0 wants a multiple of 32"));
  EXPECT_TRUE(refused(one({4}, 4, 0), "w: tensor type 4 is not"));
  EXPECT_TRUE(refused(one({4}, UINT32_MAX, 0), "w: tensor type 4294967295"));
  EXPECT_TRUE(refused(File().header(1, 0).put(kHuge).data(64), "tensor name"));
  EXPECT_TRUE(refused(File().header(2, 0).tensor("w", {4}, kF32, 0).tensor("w", {4}, kF32, 32).data(64),
                      "tensor w: stands twice"));
  EXPECT_TRUE(refused(File().header(2, 0).tensor("w", {16}, kF32, 0).tensor("v", {4}, kF32, 32).data(64),
                      "overlaps"));
  EXPECT_TRUE(
      refused(File().header(2, 0).tensor("w", {4}, kF32, 0).tensor("v", {4}, kF32, 0).data(64), "overlaps"));
}

TEST(gguf, every_truncation_is_refused) {
  const File whole = File()
                         .header(1, 2)
                         .u32("general.alignment", 32)
                         .array("t", 8, 2)
                         .text("ab")
                         .text("c")
                         .tensor("w", {4, 2}, kF32, 0)
                         .data(32);
  ASSERT_TRUE(Loaded(whole).result.ok());
  for (size_t n = 0; n < whole.bytes.size(); ++n) {
    File cut;
    cut.bytes.assign(whole.bytes.begin(), whole.bytes.begin() + ptrdiff_t(n));
    EXPECT_FALSE(Loaded(cut).result.ok()) << n;
  }
}

TEST(gguf, the_arena_bound_holds_and_less_is_an_error) {
  const File f = good();
  const Parts parts{f.bytes};
  Loaded l(f);
  ASSERT_TRUE(l.result.ok());
  EXPECT_LE(l.arena.peak(), gguf_arena_bytes(parts));
  for (size_t n = 0; n < l.arena.peak(); n += 8) {
    Arena small(l.memory.data(), n);
    EXPECT_EQ(read_gguf(parts, small).status().code(), Code::out_of_memory) << n;
  }
}

File split_part(uint16_t no, uint16_t count, int32_t total, std::string_view name) {
  return File()
      .header(1, 3)
      .u16("split.no", no)
      .u16("split.count", count)
      .i32("split.tensors.count", total)
      .tensor(name, {8}, kF32, 0)
      .data(32);
}

TEST(gguf, split_files_are_read_in_order_and_checked) {
  const File a = split_part(0, 2, 2, "a"), b = split_part(1, 2, 2, "b");
  EXPECT_EQ(*gguf_split_count(a.bytes), 2);
  EXPECT_EQ(*gguf_split_count(good().bytes), 1);
  Loaded l(Parts{a.bytes, b.bytes});
  ASSERT_TRUE(l.result.ok()) << l.error();
  EXPECT_EQ(l.result->tensors.size(), 2u);
  EXPECT_EQ(static_cast<const uint8_t*>(l.result->tensor("b")->data), b.bytes.data() + b.bytes.size() - 32);
  EXPECT_NE(Loaded(Parts{b.bytes, a.bytes}).error().find("split.no: found 1, wanted 0"), std::string::npos);
  EXPECT_NE(Loaded(Parts{a.bytes}).error().find("split.count: found 2, wanted 1"), std::string::npos);
  EXPECT_NE(Loaded(Parts{a.bytes, a.bytes}).error().find("split.no: found 0, wanted 1"), std::string::npos);
  EXPECT_NE(Loaded(Parts{good().bytes, b.bytes}).error().find("split.count: found 0"), std::string::npos);
  EXPECT_NE(Loaded(Parts{a.bytes, split_part(1, 2, 2, "a").bytes}).error().find("tensor a: stands twice"),
            std::string::npos);
  EXPECT_NE(Loaded(Parts{split_part(0, 2, 3, "a").bytes, b.bytes})
                .error()
                .find("split.tensors.count: 3, the parts hold 2"),
            std::string::npos);
}

Sink sink_to(std::vector<uint8_t>& out) {
  return {[](void* context, std::span<const uint8_t> bytes) {
            auto& v = *static_cast<std::vector<uint8_t>*>(context);
            v.insert(v.end(), bytes.begin(), bytes.end());
            return Status();
          },
          &out};
}

TEST(gguf_write, what_is_written_reads_back_byte_for_byte) {
  uint8_t memory[4096];
  Arena arena(memory, sizeof memory);
  const std::string_view texts[] = {"", "one", "two words"};
  const int32_t ids[] = {3, -1};
  float w[8] = {1, 2, 3, 4, 5, 6, 7, 8};
  const MetaEntry entries[] = {{"general.architecture", meta_text("toy")},
                               {"general.alignment", meta_u32(64)},
                               {"toy.eps", meta_f32(1e-5f)},
                               {"yes", meta_bool(true)},
                               {"minus", meta_i32(-4)},
                               {"ids", meta_array(ids)},
                               {"texts", *meta_array(texts, arena)}};
  const NamedTensor tensors[] = {{"w", make_tensor(w, DType::f32, {1, 3})},
                                 {"v", make_tensor(w, DType::f32, {2, 2, 2})}};
  Checkpoint c;
  c.metadata = entries, c.tensors = tensors;
  File first, second;
  ASSERT_TRUE(write_gguf(sink_to(first.bytes), c).ok());
  EXPECT_EQ(first.bytes.size() % 64, 0u);
  Loaded l(first);
  ASSERT_TRUE(l.result.ok()) << l.error();
  EXPECT_EQ(l.result->find("minus")->as_int(), -4);
  EXPECT_EQ(l.result->find("toy.eps")->as_float(), double(1e-5f));
  EXPECT_TRUE(same_shape(*l.result->tensor("v"), tensors[1].tensor));
  EXPECT_EQ(std::memcmp(l.result->tensor("v")->data, w, sizeof w), 0);
  ASSERT_TRUE(write_gguf(sink_to(second.bytes), *l.result).ok());
  EXPECT_EQ(first.bytes, second.bytes);
}

TEST(gguf_write, a_missing_tensor_is_an_error) {
  const NamedTensor tensors[] = {{"w", make_tensor(nullptr, DType::f32, {4})}};
  std::vector<uint8_t> out;
  auto writer = GgufWriter::begin(sink_to(out), {}, tensors);
  ASSERT_TRUE(writer.ok());
  const uint8_t half[8] = {};
  ASSERT_TRUE(writer->write(half).ok());
  EXPECT_EQ(writer->finish().message(), "w: 8 bytes written, wanted 16");
}

// Real files.

fs::path data_folder() {
  const char* set = std::getenv("SYNAPSE_TEST_DATA");
  return set ? fs::path(set) : fs::path(SYNAPSE_SOURCE_DIR) / "../shared/data";
}

TEST(gguf_files, all_are_read_and_rewritten_byte_for_byte) {
  if (!fs::exists(data_folder() / "MANIFEST.md")) GTEST_SKIP() << "no test data";
  int n = 0;
  for (const char* folder :
       {"tiny-hf", "weights/stories260K", "models/synapse-story-4m/gguf", "tokenizers"}) {
    for (const auto& item : fs::directory_iterator(data_folder() / folder)) {
      if (item.path().extension() != ".gguf") continue;
      auto file = platform::MappedFile::open(item.path().c_str());
      ASSERT_TRUE(file.ok());
      Loaded l(Parts{file->bytes()});
      ASSERT_TRUE(l.result.ok()) << item.path() << " " << l.error();
      EXPECT_LE(l.arena.peak(), l.memory.size());
      EXPECT_FALSE(l.result->architecture().empty()) << item.path();
      std::vector<uint8_t> out;
      ASSERT_TRUE(write_gguf(sink_to(out), *l.result).ok());
      out.resize(
          std::max(out.size(), file->bytes().size()));  // some writers pad the end of a file without tensors
      std::vector<uint8_t> in(file->bytes().begin(), file->bytes().end());
      in.resize(out.size());
      if (l.result->format == "GGUF v2") out[4] = 2;
      EXPECT_TRUE(in == out) << item.path();
      ++n;
    }
  }
  EXPECT_GE(n, 10);
}

TEST(gguf_files, the_public_python_reader_reads_what_we_write) {
  const char* set = std::getenv("SYNAPSE_TEST_PYTHON");
  const std::string python = set ? set : "python3";
  if (std::system((python + " -c 'import gguf' 2>/dev/null").c_str()) != 0)
    GTEST_SKIP() << "no python with gguf";
  uint8_t memory[1024];
  Arena arena(memory, sizeof memory);
  const std::string_view texts[] = {"x", "yz"};
  const MetaEntry entries[] = {{"general.architecture", meta_text("toy")},
                               {"toy.n", meta_u32(7)},
                               {"toy.texts", *meta_array(texts, arena)}};
  float w[6] = {1, 2, 3, 4, 5, 6};
  uint8_t q[68] = {};
  const NamedTensor tensors[] = {{"w", make_tensor(w, DType::f32, {2, 3})},
                                 {"q", make_tensor(q, DType::q8_0, {1, 64})}};
  Checkpoint c;
  c.metadata = entries, c.tensors = tensors;
  std::vector<uint8_t> out;
  ASSERT_TRUE(write_gguf(sink_to(out), c).ok());
  const fs::path path = fs::path(::testing::TempDir()) / "synapse_gguf_write_test.gguf";
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(out.data()), std::streamsize(out.size()));
  const std::string script =
      "import gguf; r = gguf.GGUFReader('" + path.string() +
      "'); f = r.fields;"
      "assert f['toy.n'].contents() == 7 and f['toy.texts'].contents() == ['x', 'yz'], f;"
      "t = {t.name: t for t in r.tensors};"
      "assert t['w'].data.tolist() == [[1, 2, 3], [4, 5, 6]] and t['q'].tensor_type.name == 'Q8_0', t";
  EXPECT_EQ(std::system((python + " -c \"" + script + "\"").c_str()), 0);
  fs::remove(path);
}

}  // namespace
}  // namespace synapse
