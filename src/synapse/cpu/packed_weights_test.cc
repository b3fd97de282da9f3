// The bytes of packed matrices are those that files of them were written with, whoever packs.
#include "synapse/cpu/packed_weights.h"

#include <gtest/gtest.h>

#include <vector>

#include "op_cases.h"
#include "synapse/base/rng.h"
#include "synapse/cpu/kernels/packed.h"

namespace synapse {
namespace {

constexpr int32_t kRows = 40, kCols = 512;  // the last group is not whole

struct Packs {
  std::vector<std::vector<uint8_t>> blocks;
  std::vector<Tensor> matrices;
  std::vector<uint8_t> memory;

  Packs() {
    for (size_t i = 0; i < kNDTypes; ++i) {
      const DType format = DType(i);
      if (packed_fields(format).empty()) continue;
      const Tensor shape = make_tensor(nullptr, format, {kRows, kCols});
      blocks.emplace_back(shape.bytes());
      for (size_t at = 0; at < shape.bytes(); at += info(format).block_bytes) op_cases::random_block(format, blocks.back().data() + at, 7 * i + at);
      matrices.push_back(make_tensor(blocks.back().data(), format, {kRows, kCols}));
    }
    memory.resize(set().bytes() + Arena::kAlign);
  }
  PackedSet set() const {
    for (const Tensor& w : matrices)
      if (w.dtype == DType::q8_0) return {matrices, w};
    return {matrices, {}};
  }
  uint8_t* bytes() { return reinterpret_cast<uint8_t*>(Arena::align_up(reinterpret_cast<uintptr_t>(memory.data()), Arena::kAlign)); }
  void pack(int32_t n_threads) {
    const auto pool = platform::ThreadPool::create(n_threads);
    ASSERT_TRUE(pool.ok());
    synapse::pack(bytes(), set(), **pool, {[](void*, std::span<const uint8_t>) {}, nullptr});
    platform::ThreadPool::destroy(*pool);
  }
};

TEST(PackedWeights, AreTheBytesOfTheirLayout) {
  for (int32_t n_threads : {1, 3}) {
    Packs packs;
    packs.pack(n_threads);
    EXPECT_EQ(hash64(packs.bytes(), packs.set().bytes()), 6006146148284292083u)
        << "the packed layout has changed: raise kPackedLayout, " << kPackedLayout << ", and put the new digest here";
  }
}

TEST(PackedWeights, AreFoundWhereverTheBytesLie) {
  Packs packs;
  packs.pack(1);
  const std::vector<uint8_t> elsewhere(packs.bytes(), packs.bytes() + packs.set().bytes());
  std::vector<uint8_t> room(PackedWeights::table_bytes(packs.set()) + Arena::kAlign);
  Arena arena(room.data(), room.size());
  const auto weights = PackedWeights::make(packs.set(), elsewhere.data(), nullptr, arena);
  ASSERT_TRUE(weights.ok());
  const uint8_t* end = elsewhere.data();
  for (const Tensor& w : packs.matrices) {  // in this order, none inside another
    const Packed packed = (*weights)->find(w);
    EXPECT_GE(packed.rows, end);
    end = packed.rows + (packed.low ? 0 : size_t(48) * w.row_bytes());
    EXPECT_EQ(packed.low != nullptr, w.data == packs.set().in_planes.data);
    if (packed.low) end = packed.low + size_t(48) / 16 * (kCols / 32) * kLowBytes;
  }
  EXPECT_EQ(end, elsewhere.data() + elsewhere.size());
}

TEST(PackedWeights, GiveTheRowsOfTheFileBack) {
  Packs packs;
  packs.pack(1);
  std::vector<uint8_t> room(PackedWeights::table_bytes(packs.set()) + Arena::kAlign);
  Arena arena(room.data(), room.size());
  const auto weights = PackedWeights::make(packs.set(), packs.bytes(), nullptr, arena);
  ASSERT_TRUE(weights.ok());
  for (const Tensor& w : packs.matrices) {
    const size_t bytes = size_t(info(w.dtype).block_bytes), blocks = w.row_bytes() / bytes;
    std::vector<uint8_t> back(w.row_bytes());
    for (int32_t row = 0; row < kRows; ++row) {
      const auto* file = static_cast<const uint8_t*>(w.data) + size_t(row) * w.row_bytes();
      const size_t half = blocks / 2;
      unpack_blocks(back.data(), w, (*weights)->find(w), row, 0, half);
      unpack_blocks(back.data() + half * bytes, w, (*weights)->find(w), row, half, blocks - half);
      ASSERT_EQ(std::memcmp(back.data(), file, back.size()), 0) << label(w.dtype) << row;
    }
  }
}

}  // namespace
}  // namespace synapse
