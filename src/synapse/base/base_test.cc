#include <gtest/gtest.h>

#include <vector>

#include "synapse/base/arena.h"
#include "synapse/base/dtype.h"
#include "synapse/base/faults.h"
#include "synapse/base/rng.h"

namespace synapse {
namespace {

std::string text(const auto&... parts) { return std::string(Text<200>(parts...).view()); }

TEST(text, numbers_read_as_people_write_them) {
  EXPECT_EQ(text(0, " ", -7, " ", uint64_t(18446744073709551615u)), "0 -7 18446744073709551615");
  EXPECT_EQ(text(INT64_MIN), "-9223372036854775808");
  EXPECT_EQ(text(0.0, " ", 1.0, " ", -2.5, " ", 0.001, " ", 123456.75), "0 1 -2.5 0.001 123456.75");
  EXPECT_EQ(text(1e-6, " ", 1e-5, " ", 1e300, " ", 5e9), "1e-6 0.00001 1e300 5e9");
  EXPECT_EQ(text(1e9, " ", 999999999.7, " ", 100000000.0), "1e9 1e9 100000000");
  EXPECT_EQ(text(0.0 / 0.0 * 1, " ", 1e308 * 10, " ", -1e308 * 10), "nan inf -inf");
  EXPECT_EQ(text(true, 'x', false), "truexfalse");
  const int32_t dims[] = {4, 256};
  EXPECT_EQ(text("shape ", Dims{dims, 2}), "shape (4, 256)");
}

TEST(text, what_does_not_fit_ends_with_dots) {
  EXPECT_EQ(std::string(Text<8>("123456789").view()), "12345...");
  EXPECT_EQ(std::string(Text<8>("12345678").view()), "12345678");
  EXPECT_EQ(std::string(Text<8>("12345678", "9").view()), "12345...");
}

Result<int> half(int v) {
  if (v % 2) return fail(Code::invalid, "half: ", v, " is odd");
  return v / 2;
}
Result<int> quarter(int v) {
  SYN_TRY(h, half(v));
  return half(h);
}

TEST(status, try_passes_the_first_failure_up) {
  EXPECT_EQ(*quarter(8), 2);
  EXPECT_EQ(quarter(6).status().message(), "half: 3 is odd");
  EXPECT_EQ(quarter(6).status().code(), Code::invalid);
}

TEST(status, reading_the_value_of_a_failure_panics) { EXPECT_DEATH((void)*quarter(6), "ok()"); }

TEST(arena, aligns_refuses_and_rewinds) {
  std::vector<uint8_t> storage(256 + 64);
  uint8_t* memory = reinterpret_cast<uint8_t*>(Arena::align_up(reinterpret_cast<uintptr_t>(storage.data()), 64));
  Arena arena(memory, 256);
  EXPECT_EQ(arena.alloc(1, 1), memory);
  EXPECT_EQ(arena.alloc(1), memory + 64);
  const size_t mark = arena.mark();
  EXPECT_NE(arena.alloc(100), nullptr);
  EXPECT_EQ(arena.alloc(100), nullptr);
  EXPECT_EQ(arena.alloc(SIZE_MAX - 8, 1), nullptr);
  EXPECT_EQ(arena.array<uint64_t>(SIZE_MAX / 4), nullptr);
  EXPECT_EQ(arena.peak(), 228u);
  arena.rewind(mark);
  EXPECT_EQ(arena.alloc(64), memory + 128);
  EXPECT_FALSE(arena.zeroed<int>(1000, "table").ok());
}

TEST(arena, counting_measures_without_memory) {
  Arena arena = Arena::counting();
  EXPECT_NE(arena.alloc(size_t(1) << 40), nullptr);
  EXPECT_GE(arena.peak(), size_t(1) << 40);
}

TEST(faults, keeps_all_and_counts_the_rest) {
  char buffer[24];
  Faults faults(buffer);
  EXPECT_TRUE(faults.status(Code::corrupt, "model").ok());
  faults.add("first ", 1);
  EXPECT_EQ(faults.status(Code::corrupt, "model").message(), "first 1");
  faults.add("second");
  faults.add("the third is too long");
  EXPECT_EQ(faults.count(), 3);
  EXPECT_EQ(faults.lines(), "first 1\nsecond\n");
  EXPECT_EQ(faults.status(Code::corrupt, "model").message(), "model: 3 faults: first 1; second");
}

TEST(dtype, ids_and_labels_find_their_row) {
  EXPECT_EQ(dtype_from_gguf(8), DType::q8_0);
  EXPECT_EQ(dtype_from_label("q4_k"), DType::q4_k);
  EXPECT_EQ(dtype_from_gguf(kNoGgufId), std::nullopt);
  EXPECT_EQ(dtype_from_gguf(4), std::nullopt);  // a format that was removed from ggml
  EXPECT_EQ(dtype_from_label("Q9"), std::nullopt);
  EXPECT_EQ(row_bytes(DType::q4_0, 256), 144u);
}

TEST(rng, is_a_function_of_its_coordinates) {
  EXPECT_EQ(random_bits(1, 2), random_bits(1, 2));
  EXPECT_NE(random_bits(1, 2), random_bits(1, 3));
  EXPECT_NE(random_bits(1, 2), random_bits(2, 2));
  double sum = 0;
  for (uint64_t i = 0; i < 10000; ++i) sum += double(random_unit(7, i));
  EXPECT_NEAR(sum / 10000, 0.5, 0.01);
}

}  // namespace
}  // namespace synapse
