// The quantised linear on AMX's tile registers against scalar, with equality: amx.inl on a model of the processor's, and every variant
// of this processor, at numbers of rows that fill registers and leave some over.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <vector>

#include "op_cases.h"
#include "synapse/base/compiler.h"
#include "synapse/base/half.h"
#include "synapse/base/rng.h"
#include "synapse/cpu/kernels/fit.h"
#include "synapse/cpu/kernels/kernels.h"

#pragma GCC diagnostic ignored "-Wunused-function"  // of the formats only the list is wanted

namespace synapse {
namespace {

#include "synapse/cpu/kernels/simd_scalar.h"
#include "synapse/cpu/kernels/formats.inl"
#include "synapse/cpu/kernels/tile.inl"
#include "synapse/cpu/kernels/amx.inl"

// LDTILECFG, TILERELEASE, TILEZERO, TILELOADD, TILESTORED and TDPBSSD of palette 1, as Intel's manual (SDM volume 2) has them. What the processor
// answers with an exception fails the test.
struct ModelTiles {
  inline static bool is_configured = false;
  inline static TileShapes shapes;
  inline static uint8_t registers[8][16][64];
  inline static int64_t n_dots = 0;

  static void configure(const TileShapes& c) {
    EXPECT_EQ(c.palette, 1);
    EXPECT_EQ(c.start_row, 0);
    EXPECT_TRUE(std::ranges::all_of(c.reserved, [](uint8_t b) { return b == 0; }));
    for (int t = 0; t < 16; ++t) {
      EXPECT_LE(c.rows[t], t < 8 ? 16 : 0);
      EXPECT_LE(c.row_bytes[t], t < 8 ? 64 : 0);
      EXPECT_EQ(c.rows[t] == 0, c.row_bytes[t] == 0);
    }
    is_configured = true, shapes = c;
    std::memset(registers, 0, sizeof registers);
  }
  static void release() {
    EXPECT_TRUE(is_configured);
    is_configured = false;
  }
  static void expect_usable(int t) {
    ASSERT_TRUE(is_configured);
    ASSERT_TRUE(t >= 0 && t < 8 && shapes.rows[t] != 0);
  }
  template <int t>
  static void zero() {
    expect_usable(t);
    std::memset(registers[t], 0, sizeof registers[t]);
  }
  template <int t>
  static void load(const void* from, size_t stride) {
    expect_usable(t);
    std::memset(registers[t], 0, sizeof registers[t]);
    for (size_t m = 0; m < shapes.rows[t]; ++m) std::memcpy(registers[t][m], (const uint8_t*)from + m * stride, shapes.row_bytes[t]);
  }
  template <int t>
  static void store(void* to, size_t stride) {
    expect_usable(t);
    for (size_t m = 0; m < shapes.rows[t]; ++m) std::memcpy((uint8_t*)to + m * stride, registers[t][m], shapes.row_bytes[t]);
  }
  template <int c, int a, int b>
  static void dot() {
    static_assert(c != a && c != b && a != b);
    expect_usable(a), expect_usable(b), expect_usable(c);
    ASSERT_EQ(shapes.rows[c], shapes.rows[a]);
    ASSERT_EQ(shapes.row_bytes[c], shapes.row_bytes[b]);
    ASSERT_EQ(shapes.row_bytes[a], 4 * shapes.rows[b]);
    ASSERT_EQ(shapes.row_bytes[c] % 4, 0);
    for (size_t m = 0; m < shapes.rows[c]; ++m)
      for (size_t n = 0; n < size_t(shapes.row_bytes[c]) / 4; ++n) {
        int32_t sum;
        std::memcpy(&sum, &registers[c][m][4 * n], 4);
        for (size_t k = 0; k < shapes.rows[b]; ++k)
          for (size_t i = 0; i < 4; ++i) sum += int8_t(registers[a][m][4 * k + i]) * int8_t(registers[b][k][4 * n + i]);
        std::memcpy(&registers[c][m][4 * n], &sum, 4);
      }
    ++n_dots;
  }
};

constexpr int32_t kColumns = 768, kMaxRowsOfX = 64;

std::vector<float> random_floats(size_t n, uint64_t seed) {
  std::vector<float> x(n);
  for (size_t i = 0; i < n; ++i) x[i] = random_unit(seed, i) * 8 - 4;
  return x;
}

// Two groups of rows of weights of a format, and rows of activations as it reads them.
struct Operands {
  Operands(DType type, const Format& format) : f(format), bytes(row_bytes(type, kColumns)) {
    const size_t block = size_t(info(type).block_bytes), group = size_t(format.group);
    w.resize(2 * kTileRows * bytes);
    for (size_t at = 0; at < w.size(); at += block) op_cases::random_block(type, &w[at], at);
    const std::vector<float> floats = random_floats(kColumns * kMaxRowsOfX, 5);
    q.resize(floats.size()), d.resize(floats.size() / group), sums.resize(floats.size() / kSumElements);
    for (size_t at = 0; at < floats.size(); at += kColumns)
      kernel_variants()[0].quantize_row(&q[at], &d[at / group], &sums[at / kSumElements], &floats[at], kColumns, group);
    x = {q.data(), d.data(), sums.data(), kColumns};
  }

  // Tiles of the 32-blocks first .. +n; what is not of them is full of what must not be read.
  void unpack(Tile* tiles, int32_t first, int32_t n) const {
    std::memset(tiles, 0x7F, 2 * sizeof *tiles);
    for (size_t t = 0; t < 2; ++t) {
      const uint8_t* rows[kTileRows];
      for (size_t r = 0; r < kTileRows; ++r) rows[r] = &w[(t * kTileRows + r) * bytes];
      f.unpack(tiles + t, {rows, rows[0]}, first, n);
    }
  }

  const Format& f;
  size_t bytes;  // of a row of weights
  std::vector<uint8_t> w;
  std::vector<int8_t> q;
  std::vector<float> d;
  std::vector<int32_t> sums;
  QuantRows x;
};

struct BlockRun {
  int32_t first, n;
};

TEST(Amx, tiles_of_registers_and_rows_left_over_multiply_like_scalar) {
  const auto model = std::make_unique<Kernels>(kernel_variants()[0]);
  model->isa = "model of amx";
  fill_amx_dots<ModelTiles>(model->formats);
  std::vector<const Kernels*> all = {model.get()};
  for (const Kernels& k : kernel_variants()) all.push_back(&k);
  const auto tiles = std::make_unique<Tile[]>(2);
  each_format([&](auto format) {
    using T = decltype(format);
    const size_t type = size_t(T::kType);
    const Format& scalar = kernel_variants()[0].formats[type];
    const Operands in(T::kType, scalar);
    constexpr int32_t kWeights = T::kBlocks == 1 ? 32 : 64, kPlanes = T::kParts > 0 ? 2 : 1;  // of a product of registers; for each weight
    for (const auto& [first, n] : {BlockRun{0, 8}, {8, 16}, {16, 8}, {2, 2}, {6, 14}, {23, 1}, {3, 7}}) {
      if (first % T::kBlocks != 0 || n % T::kBlocks != 0) continue;
      in.unpack(tiles.get(), first, n);
      for (const int32_t n_rows : {1, 15, 16, 17, 31, 32, 33, 63, 64}) {
        const std::vector<float> before = random_floats(size_t(2 * n_rows * kTileRows), 6);
        std::vector<float> wanted = before;
        scalar.dot(wanted.data(), tiles.get(), &in.x, n_rows, first, n);
        for (const Kernels* k : all) {
          std::vector<float> acc = before;
          const int64_t n_dots = ModelTiles::n_dots;
          k->formats[type].dot(acc.data(), tiles.get(), &in.x, n_rows, first, n);
          ASSERT_EQ(std::memcmp(acc.data(), wanted.data(), acc.size() * sizeof(float)), 0)
              << k->isa << ", " << info(T::kType).label << ", " << n_rows << " rows, blocks " << first << " +" << n;
          if (k == model.get()) {
            const int32_t n_filled = n_rows < 16 * kPlanes ? 0 : n_rows / 16;
            ASSERT_EQ(ModelTiles::n_dots - n_dots, n_filled * 2 * kPlanes * (n * kBlock / kWeights));
          }
          ASSERT_FALSE(ModelTiles::is_configured);
        }
      }
    }
  });
}

TEST(Amx, the_peak_counts_its_products) {
  const int64_t before = ModelTiles::n_dots;
  float sink = 0;
  EXPECT_EQ(amx_peak_bytes<ModelTiles>(3, &sink), 3 * 4 * 16 * 16 * 64);
  EXPECT_EQ(ModelTiles::n_dots - before, 3 * 4);
  EXPECT_FALSE(ModelTiles::is_configured);
}

}  // namespace
}  // namespace synapse
