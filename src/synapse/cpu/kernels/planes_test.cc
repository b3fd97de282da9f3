// Q8_0 in two planes: the same tiles and products as in one, and bounds that hold, also where they are tight.
#include "synapse/cpu/kernels/planes.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "op_cases.h"
#include "synapse/base/half.h"
#include "synapse/base/rng.h"

namespace synapse {
namespace {

constexpr int32_t kBlocks = 20, kN = 32 * kBlocks;
constexpr size_t kBlockBytes = 34;

// 16 rows of Q8_0, in the file's form and in planes.
struct Group {
  std::vector<uint8_t> file = std::vector<uint8_t>(16 * kBlocks * kBlockBytes);
  std::vector<uint8_t> high = std::vector<uint8_t>(kBlocks * kHighBytes), low = std::vector<uint8_t>(kBlocks * kLowBytes);
  const uint8_t* rows[16];

  uint8_t* block(size_t r, size_t b) { return file.data() + (r * kBlocks + b) * kBlockBytes; }
  template <typename F>
  explicit Group(F&& fill) {
    for (size_t r = 0; r < 16; ++r) {
      rows[r] = block(r, 0);
      for (size_t b = 0; b < kBlocks; ++b) fill(block(r, b), r, b);
    }
    pack_planes(high.data(), low.data(), rows, kBlocks);
  }
  PlaneRows planes() const { return {high.data(), low.data()}; }
};

struct Row {
  std::vector<int8_t> q = std::vector<int8_t>(kN);
  std::vector<float> d = std::vector<float>(kBlocks), norms = std::vector<float>(kBlocks);
  std::vector<int32_t> sums = std::vector<int32_t>(kN / 16);

  explicit Row(const std::vector<float>& x) {
    kernels().quantize_row(q.data(), d.data(), sums.data(), x.data(), kN, 32);
    plane_norms(norms.data(), quant(), kBlocks);
  }
  QuantRows quant() { return {q.data(), d.data(), sums.data(), kN}; }
};

void random_block(uint8_t* block, size_t r, size_t b) { op_cases::random_block(DType::q8_0, block, 100 * r + b); }
std::vector<float> noise(uint64_t seed) {
  std::vector<float> x(kN);
  for (size_t i = 0; i < kN; ++i) x[i] = random_unit(seed, i) * 2 - 1;
  return x;
}

// The products as docs/numerics.md has them, and the sum of |d| |d_x| |l - 8| |x| over blocks: twice that a bound may be above.
struct Wanted {
  float product[16];
  double reach[16];
};
Wanted wanted(const Group& w, Row& x) {
  Wanted out;
  for (size_t r = 0; r < 16; ++r) {
    float y = 0;
    double reach = 0;
    for (size_t b = 0; b < kBlocks; ++b) {
      uint16_t half;
      std::memcpy(&half, w.rows[r] + b * kBlockBytes, 2);
      const float d = f16_to_f32(half);
      int32_t sum = 0, low = 0, squares = 0;
      for (size_t i = 0; i < 32; ++i) {
        const int32_t q = int8_t(w.rows[r][b * kBlockBytes + 2 + i]), v = x.q[32 * b + i], l = ((q + 128) & 15) - 8;
        sum += q * v, low += l * l, squares += v * v;
      }
      y = d * x.d[b] * float(sum) + y;
      reach += std::fabs(double(d)) * double(x.d[b]) * std::sqrt(double(low) * squares);
    }
    out.product[r] = y, out.reach[r] = reach;
  }
  return out;
}

TEST(Planes, have_the_tiles_and_the_products_of_the_file) {
  const Group w(random_block);
  constexpr int32_t kRows = 11;
  std::vector<Row> rows;
  std::vector<Wanted> y;
  std::vector<int8_t> q;
  std::vector<float> d;
  std::vector<int32_t> sums;
  for (int32_t r = 0; r < kRows; ++r) {
    const Row& x = rows.emplace_back(noise(3 + uint64_t(r)));
    y.push_back(wanted(w, rows.back()));
    q.insert(q.end(), x.q.begin(), x.q.end()), d.insert(d.end(), x.d.begin(), x.d.end()), sums.insert(sums.end(), x.sums.begin(), x.sums.end());
  }
  const QuantRows in = {q.data(), d.data(), sums.data(), kN};
  for (const Kernels& k : kernel_variants()) {
    const Format& format = k.formats[size_t(DType::q8_0)];
    Tile tile, other;
    std::memset(&tile, 0xA5, sizeof tile), std::memset(&other, 0xA5, sizeof other);
    format.unpack(&tile, {w.rows, w.rows[0]}, 5, 14);
    format.unpack_planes(&other, w.planes(), 5, 14);
    EXPECT_EQ(std::memcmp(&tile, &other, sizeof tile), 0) << k.isa;
    EXPECT_EQ(format.dot_planes == nullptr, format.screen == nullptr) << k.isa;
    if (!format.dot_planes) continue;
    const PlaneRows two[] = {w.planes(), w.planes()};
    for (int32_t n = 1; n <= std::min(format.most_packed_rows, kRows); ++n) {
      std::vector<float> acc(size_t(32 * n), -1.0f);
      format.dot_planes(acc.data(), two, &in, n, kBlocks);
      for (size_t i = 0; i < acc.size(); ++i) EXPECT_EQ(acc[i], y[i / 16 % size_t(n)].product[i % 16]) << k.isa << " " << n << " " << i;
    }
  }
  for (size_t f = 0; f < kNDTypes; ++f) EXPECT_EQ(kernels().formats[f].unpack_planes != nullptr, DType(f) == DType::q8_0);
}

// f(bound, product, reach) of every row on every variant that screens.
template <typename F>
void each_bound(const Group& w, Row& x, F&& f) {
  const QuantRows in = x.quant();
  const Wanted y = wanted(w, x);
  for (const Kernels& k : kernel_variants()) {
    const auto screen = k.formats[size_t(DType::q8_0)].screen;
    if (!screen) continue;
    float upper[32], most[2], best[2];
    const uint8_t* const high[] = {w.high.data(), w.high.data()};
    screen(upper, most, best, high, &in, x.norms.data(), kBlocks);
    EXPECT_EQ(most[0], *std::max_element(upper, upper + 16)) << k.isa;
    EXPECT_EQ(most[0], most[1]);
    EXPECT_LT(best[0], most[0]);
    for (size_t r = 0; r < 32; ++r) f(upper[r], y.product[r % 16], y.reach[r % 16]);
  }
}

TEST(Planes, bounds_hold_and_are_no_wider_than_twice_the_norms) {
  for (uint64_t seed = 0; seed < 50; ++seed) {
    const Group w([&](uint8_t* block, size_t r, size_t b) { op_cases::random_block(DType::q8_0, block, 10000 * seed + 100 * r + b); });
    Row x(noise(seed));
    each_bound(w, x, [&](float upper, float product, double reach) {
      EXPECT_GE(upper, product) << seed;
      EXPECT_LE(double(upper), double(product) + 2.05 * reach) << seed;
    });
  }
}

// Rows of which l - 8 has the direction of x: nothing is left between the bound and the product but rounding up. Each seed has another
// scale, so that norms fall between two steps everywhere. A norm one step smaller would not hold.
TEST(Planes, bounds_hold_where_they_are_tight) {
  int n_tight = 0, n_failed = 0;
  for (uint64_t seed = 0; seed < 200; ++seed) {
    const int32_t size = 1 + int32_t(seed % 7);
    std::vector<float> x(kN);
    const auto low_of = [&](size_t at) { return random_bits(seed, at) % 2 ? size : -size; };
    for (size_t i = 0; i < kN; ++i) x[i] = float(low_of(i));
    const Group w([&](uint8_t* block, size_t r, size_t b) {
      const uint16_t d = f32_to_f16(r % 2 ? 0.01f : -0.02f);
      std::memcpy(block, &d, 2);
      for (size_t i = 0; i < 32; ++i)  // u = 16 h + l
        block[2 + i] = uint8_t((16 * int32_t(random_bits(seed + r, 32 * b + i) % 16) + 8 + (r % 2 ? 1 : -1) * low_of(32 * b + i)) ^ 0x80);
    });
    Row row(x);
    each_bound(w, row, [&](float upper, float product, double reach) {
      EXPECT_GE(upper, product) << seed;
      n_tight += double(upper) < double(product) + 0.03 * reach;
    });
    Group less = w;
    for (size_t b = 0; b < kBlocks; ++b)
      for (size_t r = 0; r < 16; ++r) --less.high[b * kHighBytes + kHighNorms + r];
    each_bound(less, row, [&](float upper, float product, double) { n_failed += upper < product; });
  }
  EXPECT_GT(n_tight, 5000);
  EXPECT_GT(n_failed, 5000);
}

TEST(Planes, damaged_scales_reach_everything) {
  Group w(random_block);
  const uint16_t nan = 0x7E00;
  std::memcpy(w.high.data(), &nan, 2);
  Row x(noise(1));
  const QuantRows in = x.quant();
  const auto screen = kernels().formats[size_t(DType::q8_0)].screen;
  if (!screen) GTEST_SKIP() << kernels().isa << " screens nothing";
  float upper[32], most[2], best[2];
  const uint8_t* const high[] = {w.high.data(), w.high.data()};
  screen(upper, most, best, high, &in, x.norms.data(), kBlocks);
  EXPECT_TRUE(std::isnan(upper[0]));
  EXPECT_FALSE(std::isnan(upper[1]));
}

}  // namespace
}  // namespace synapse
