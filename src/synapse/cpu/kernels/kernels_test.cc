// Every variant against scalar with equality: odd sizes, unaligned operands, guard bytes around every output.
#include "synapse/cpu/kernels/kernels.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "op_cases.h"
#include "synapse/cpu/kernels/packed.h"
#include "synapse/base/half.h"
#include "synapse/base/math.h"
#include "synapse/base/rng.h"

namespace synapse {
namespace {

const Kernels& scalar() { return kernel_variants()[0]; }

// Elements that start one past an aligned address, between guards that must survive.
template <typename T>
class Guarded {
 public:
  explicit Guarded(size_t n) : bytes_(n * sizeof(T) + 2 * kGuard + kShift, 0xC3), n_(n) {}
  ~Guarded() {
    for (size_t i = 0; i < kGuard; ++i) {
      EXPECT_EQ(bytes_[kShift + i], 0xC3);
      EXPECT_EQ(bytes_[kShift + kGuard + n_ * sizeof(T) + i], 0xC3);
    }
  }
  T* data() { return reinterpret_cast<T*>(bytes_.data() + kShift + kGuard); }
  bool operator==(const Guarded& other) const { return bytes_ == other.bytes_; }

 private:
  static constexpr size_t kGuard = 128, kShift = alignof(T);
  std::vector<uint8_t> bytes_;
  size_t n_;
};

std::vector<float> noise(size_t n, uint64_t seed, float scale = 4) {
  std::vector<float> x(n);
  for (size_t i = 0; i < n; ++i) x[i] = (random_unit(seed, i) * 2 - 1) * scale;
  return x;
}

// f(kernels, output) on every variant and on scalar: equal bytes.
template <typename T, typename F>
void expect_equal(size_t n, const std::string& what, F&& f) {
  Guarded<T> wanted(n);
  f(scalar(), wanted.data());
  for (const Kernels& k : kernel_variants()) {
    Guarded<T> got(n);
    f(k, got.data());
    EXPECT_TRUE(got == wanted) << what << " on " << k.isa << ", n = " << n;
  }
}

TEST(Kernels, elementwise_and_norms_equal_scalar) {
  for (size_t n : {1u, 7u, 15u, 16u, 17u, 31u, 64u, 100u, 257u}) {
    std::vector<float> x = noise(n, 1, 90), u = noise(n, 2);
    if (n > 6) x[1] = NAN, x[2] = INFINITY, x[3] = -INFINITY, x[4] = -0.0f, x[5] = 1e-40f;
    for (int act = 0; act < kActs; ++act) {
      expect_equal<float>(n, "activate", [&](const Kernels& k, float* y) {
        k.activate[act](y, x.data(), n);
        for (size_t i = 0; i < n; ++i) y[i] = y[i] == y[i] ? y[i] : 0;  // a NaN's sign is the processor's own
      });
      expect_equal<float>(n, "gate", [&](const Kernels& k, float* y) { k.gate[act](y, u.data(), u.data(), n); });
    }
    expect_equal<float>(n, "add", [&](const Kernels& k, float* y) { k.add(y, u.data(), u.data(), n); });
    expect_equal<float>(n, "divide", [&](const Kernels& k, float* y) { k.divide(y, u.data(), 0.3f, n); });
    expect_equal<float>(n, "scale", [&](const Kernels& k, float* y) { k.scale(y, u.data(), 0.1f, n); });
    const float* const biases[] = {nullptr, u.data()};
    for (const float* b : biases) {
      expect_equal<float>(n, "rms", [&](const Kernels& k, float* y) { k.rms_norm(y, u.data(), u.data(), b, 1e-6f, n); });
      expect_equal<float>(n, "layer", [&](const Kernels& k, float* y) { k.layer_norm(y, u.data(), u.data(), b, 1e-6f, n); });
    }
  }
}

TEST(Kernels, vector_functions_have_the_bits_of_base_math) {
  const std::vector<float> x = noise(5000, 3, 95);
  for (const Kernels& k : kernel_variants()) {
    std::vector<float> y(x.size());
    k.activate[1](y.data(), x.data(), x.size());
    for (size_t i = 0; i < x.size(); ++i) ASSERT_EQ(y[i], x[i] / (1.0f + exp_f32(-x[i]))) << k.isa << " " << x[i];
    k.activate[2](y.data(), x.data(), x.size());
    for (size_t i = 0; i < x.size(); ++i) ASSERT_EQ(y[i], (0.5f * x[i]) * (1.0f + erf_f32(x[i] * 0.70710678f))) << k.isa;
    float c, s;
    const float frequency = 0.37f;
    k.rope_angles(&c, &s, 4321, &frequency, 1, 1);
    EXPECT_EQ(c, cos_f32(4321.0f * frequency));
    EXPECT_EQ(s, sin_f32(4321.0f * frequency));
  }
}

TEST(Kernels, formats_quantise_and_dequantise_like_scalar) {
  for (size_t f = 0; f < kNDTypes; ++f) {
    if (!scalar().formats[f].quantize) continue;
    const size_t block = size_t(info(DType(f)).block_elements);
    for (size_t n : {1 * block, 5 * block, 19 * block, 64 * block}) {
      std::vector<float> x = noise(n, f, 3);
      for (size_t i = 0; i < n; i += 3) x[i] *= 1e-5f;
      if (block == 1 && n > 5) x[0] = 1e30f, x[1] = -INFINITY, x[2] = 65520.0f, x[3] = 1e-8f, x[4] = NAN;
      const size_t bytes = row_bytes(DType(f), int64_t(n));
      expect_equal<uint8_t>(bytes, "quantize", [&](const Kernels& k, uint8_t* y) { k.formats[f].quantize(y, x.data(), n); });
      std::vector<uint8_t> blocks(bytes + 1);
      scalar().formats[f].quantize(blocks.data() + 1, x.data(), n);
      expect_equal<float>(n, "dequantize", [&](const Kernels& k, float* y) { k.formats[f].dequantize(y, blocks.data() + 1, n); });
    }
  }
}

TEST(Kernels, every_f16_and_bf16_widens_as_base_half_says) {
  std::vector<uint16_t> all(65536);
  for (uint32_t h = 0; h < 65536; ++h) all[h] = uint16_t(h);
  std::vector<float> y(65536);
  for (const Kernels& k : kernel_variants()) {
    k.formats[size_t(DType::f16)].dequantize(y.data(), all.data(), y.size());
    for (uint32_t h = 0; h < 65536; ++h) ASSERT_EQ(std::bit_cast<uint32_t>(y[h]), std::bit_cast<uint32_t>(f16_to_f32(uint16_t(h)))) << k.isa << h;
    k.formats[size_t(DType::bf16)].dequantize(y.data(), all.data(), y.size());
    for (uint32_t h = 0; h < 65536; ++h) ASSERT_EQ(std::bit_cast<uint32_t>(y[h]), h << 16) << k.isa;
  }
}

// From tests/golden/make_formats.py: FNV-1a of what the Python package gguf 0.19 makes of 64 blocks, and of these numbers.
struct Reference {
  DType format;
  uint64_t digest;
};

TEST(Kernels, any_block_dequantises_to_the_reference_values) {
  constexpr Reference kReferences[] = {
      {DType::q4_0, 0xc12c2192858ec3db},   {DType::q4_1, 0xd93b37f1098fea9f},   {DType::q5_0, 0x3bd5d0c7ba9be209},
      {DType::q5_1, 0xfd187c64b47d2e96},   {DType::q8_0, 0x274d0be98ab2756a},   {DType::q2_k, 0x26d0519071bf0feb},
      {DType::q3_k, 0xf28d3811a76e92b1},   {DType::q4_k, 0xbd80a4ec1e546d1c},   {DType::q5_k, 0xe0b72abca9bf0b5b},
      {DType::q6_k, 0x0de4bfc148643d11},   {DType::iq4_nl, 0x309fa92fd4cbb073}, {DType::iq4_xs, 0x13798af875c907db},
      {DType::tq2_0, 0x3304ac957fa71920},  {DType::mxfp4, 0xbe76d32a7533a51e}};
  for (const auto& [f, digest] : kReferences) {
    const size_t bytes = size_t(info(f).block_bytes), n = 64 * size_t(info(f).block_elements);
    std::vector<uint8_t> blocks(64 * bytes);
    for (size_t i = 0; i < 64; ++i) op_cases::random_block(f, &blocks[i * bytes], i);
    std::vector<float> y(n);
    scalar().formats[size_t(f)].dequantize(y.data(), blocks.data(), n);
    EXPECT_EQ(hash64(y.data(), n * sizeof(float)), digest) << label(f);
  }
}

TEST(Kernels, simple_quantisers_write_the_reference_bytes) {
  constexpr Reference kReferences[] = {
      {DType::q4_0, 0xe80d749bf93a9fda}, {DType::q4_1, 0xcb19cc1226b8c9fe}, {DType::q5_0, 0x7c6c9df8909021fe},
      {DType::q5_1, 0x68526a5ace7d3f93}, {DType::q8_0, 0xd0f450d4ac14aae8}, {DType::tq2_0, 0x2e7d0bf1817b1f1d},
      {DType::mxfp4, 0x624732f7c550febe}};
  std::vector<float> x(256);
  for (int i = 0; i < 256; ++i) x[size_t(i)] = float((i * 37 % 64 - 29) * (i % 5 + 1)) / 64.0f;
  for (const auto& [f, digest] : kReferences) {
    std::vector<uint8_t> y(row_bytes(f, 256));
    scalar().formats[size_t(f)].quantize(y.data(), x.data(), 256);
    EXPECT_EQ(hash64(y.data(), y.size()), digest) << label(f);
  }
}

TEST(Kernels, activations_quantise_like_scalar_and_as_written) {
  for (size_t n : {32u, 96u, 256u, 1024u}) {
    std::vector<float> x = noise(n, n);
    for (size_t i = 0; i < 32; ++i) x[i] = float(int(i) - 16) * 0.5f;  // ties: amax 8 gives steps of 127 / 16
    if (n > 32) x[40] = 1e-31f;
    if (n > 90) x[70] = NAN;
    expect_equal<int8_t>(n, "q", [&](const Kernels& k, int8_t* q) {
      std::vector<float> d(n / 32);
      std::vector<int32_t> sums(n / 16);
      k.quantize_row(q, d.data(), sums.data(), x.data(), n, 32);
      for (size_t g = 0; g < n / 32; ++g) {
        float amax = 0;
        bool faulty = false;
        for (size_t i = 32 * g; i < 32 * g + 32; ++i) amax = std::fmax(amax, std::fabs(x[i])), faulty |= !std::isfinite(x[i]);
        int32_t sum[2] = {};
        for (size_t i = 32 * g; i < 32 * g + 32; ++i) {
          EXPECT_EQ(q[i], faulty ? 0 : int(std::nearbyint(x[i] * (127.0f / amax))));
          sum[i / 16 % 2] += q[i];
        }
        EXPECT_EQ(sums[2 * g], sum[0]);
        EXPECT_EQ(sums[2 * g + 1], sum[1]);
        EXPECT_TRUE(faulty ? std::isnan(d[g]) : d[g] == amax / 127.0f) << d[g];
      }
    });
  }
}

// How a format that runs is summed (docs/numerics.md): parts of 32 weights that have an integer scale, 0 where none has.
struct Recipe {
  DType format;
  int32_t group;
  int parts;
  bool minimum;
  int32_t offset;  // of a tile's q
};
using enum DType;
constexpr Recipe kRecipes[] = {
    {q8_0, 32, 0, false, 0},   {q4_0, 32, 0, false, 8},  {q4_1, 32, 0, true, 0},     {q5_0, 32, 0, false, 16}, {q5_1, 32, 0, true, 0},
    {q2_k, 256, 2, true, 0},   {q3_k, 256, 2, false, 4}, {q4_k, 256, 1, true, 0},    {q5_k, 256, 1, true, 0},  {q6_k, 256, 2, false, 32},
    {iq4_nl, 32, 0, false, 0}, {mxfp4, 32, 0, false, 0}, {iq4_xs, 256, 1, false, 0}, {tq2_0, 256, 0, false, 1}, {int8, 32, 0, false, 0},
    {q2_32, 32, 0, false, 3},  {q2_64, 64, 0, false, 3}};

TEST(Kernels, formats_run_as_listed_and_no_others) {
  for (const Kernels& k : kernel_variants())
    for (size_t f = 0; f < kNDTypes; ++f) {
      const auto listed = std::find_if(std::begin(kRecipes), std::end(kRecipes), [&](const Recipe& r) { return r.format == DType(f); });
      const bool is = listed != std::end(kRecipes);
      EXPECT_EQ(k.formats[f].dot != nullptr, is) << k.isa << label(DType(f));
      EXPECT_EQ(k.formats[f].unpack != nullptr, is) << k.isa << label(DType(f));
      EXPECT_EQ(k.formats[f].unpack_packed != nullptr, is) << k.isa << label(DType(f));
      EXPECT_EQ(packed_fields(DType(f)).empty(), !is) << label(DType(f));
      EXPECT_EQ(k.formats[f].group, is ? listed->group : 0) << k.isa << label(DType(f));
      EXPECT_EQ(k.formats[f].quantize != nullptr, k.formats[f].dequantize != nullptr) << k.isa << label(DType(f));
    }
}

TEST(Kernels, a_tile_unpacks_to_its_rows_and_multiplies_exactly) {
  for (const auto& [f, group, parts, minimum, offset] : kRecipes) {
    const Format& reference = scalar().formats[size_t(f)];
    constexpr int32_t n = 768, kRows = 11, kFirst = 8, kCount = 16;  // 32-blocks 8 .. 23 of 24
    const size_t block_bytes = size_t(info(f).block_bytes), stride = row_bytes(f, n) + 3;
    std::vector<uint8_t> w(stride * 15 + row_bytes(f, n) + 1);  // ends where its last row does
    const uint8_t *rows[16], *others[16];  // the same the other way round
    for (size_t r = 0; r < 16; ++r) {
      rows[r] = others[15 - r] = w.data() + 1 + r * stride;
      for (size_t at = 0; at < row_bytes(f, n); at += block_bytes)
        op_cases::random_block(f, w.data() + 1 + r * stride + at, 1000 * r + at);
    }
    std::vector<uint8_t> packed(1 + 16 * row_bytes(f, n)), back(row_bytes(f, n));
    pack_rows(packed.data() + 1, f, rows, n / size_t(info(f).block_elements));
    for (int32_t r = 0; r < 16; ++r) {
      unpack_row(back.data(), f, packed.data() + 1, r, n / size_t(info(f).block_elements));
      ASSERT_EQ(std::memcmp(back.data(), rows[r], back.size()), 0) << label(f) << r;
    }
    const std::vector<float> x = noise(n * kRows, 4);
    const auto per_row = [&](int32_t elements) { return size_t(n / elements); };
    std::vector<int8_t> q(n * kRows);
    std::vector<float> d(per_row(group) * kRows), row(n);
    std::vector<int32_t> sums(per_row(16) * kRows);
    for (size_t r = 0; r < kRows; ++r)
      scalar().quantize_row(&q[r * n], &d[r * per_row(group)], &sums[r * per_row(16)], &x[r * n], n, size_t(group));
    const QuantRows in = {q.data(), d.data(), sums.data(), n};
    const size_t blocks = size_t(info(f).block_elements) / 32;  // 32-blocks that share a scale
    for (const Kernels& k : kernel_variants()) {
      Tile tile, tiles[2];
      std::memset(&tile, 0xA5, sizeof tile);
      const Format& format = k.formats[size_t(f)];
      format.unpack(&tile, {rows, rows[0]}, kFirst, kCount);
      Tile packed_tile;
      std::memset(&packed_tile, 0xA5, sizeof packed_tile);
      format.unpack_packed(&packed_tile, {packed.data() + 1, packed.data()}, kFirst, kCount);
      ASSERT_EQ(std::memcmp(&tile, &packed_tile, sizeof tile), 0) << k.isa << label(f);
      const auto scale_of = [&](size_t b, size_t i, size_t r) { return tile.scale[b][parts == 2 ? i / 16 : 0][r]; };
      const auto minimum_of = [&](size_t b, size_t i, size_t r) {
        const size_t part = parts == 2 ? 2 * b + i / 16 : b;
        return int32_t(int16_t(tile.minima[part / 2][r] >> (16 * (part % 2))));
      };
      const auto weight_of = [&](size_t b, size_t i, size_t r) { return tile.q[b][i / 4][r][i % 4] - offset; };
      for (size_t r = 0; r < 16; ++r) {
        reference.dequantize(row.data(), rows[r], n);
        for (size_t b = 0; b < kCount; ++b)
          for (size_t i = 0; i < 32; ++i) {
            const float weight = float(weight_of(b, i, r)), scale = tile.d[b / blocks][r], least = tile.m[b / blocks][r];
            float wanted = scale * (parts ? float(scale_of(b, i, r)) : 1.0f) * weight;
            if (minimum) wanted = parts ? wanted - least * float(minimum_of(b, i, r)) : wanted + least;
            ASSERT_EQ(wanted, row[32 * (kFirst + b) + i]) << k.isa << label(f) << r << " " << b << " " << i;
          }
      }
      std::vector<float> whole(2 * kRows * 16, 0.0f);  // rows of x times whole rows, by both ways
      for (int32_t b = 0; b < n / 32; b += 8) {
        format.unpack(tiles, {rows, rows[0]}, b, 8), format.unpack(tiles + 1, {others, rows[0]}, b, 8);
        format.dot(whole.data(), tiles, &in, kRows, b, 8);
      }
      std::vector<uint8_t> turned(packed.size());
      pack_rows(turned.data() + 1, f, others, n / size_t(info(f).block_elements));
      const PackedRows two[] = {{packed.data() + 1, packed.data()}, {turned.data() + 1, turned.data()}};
      ASSERT_EQ(format.dot_packed != nullptr, format.most_packed_rows > 0) << k.isa << label(f);
      for (int32_t m = 1; m <= std::min(format.most_packed_rows, kRows); ++m) {
        std::vector<float> few(size_t(2 * m * 16), -1.0f);
        format.dot_packed(few.data(), two, &in, m, n / 32);
        for (size_t t = 0; t < 2; ++t)
          for (size_t i = 0; i < size_t(m * 16); ++i)
            ASSERT_EQ(few[t * size_t(m * 16) + i], whole[t * kRows * 16 + i]) << k.isa << label(f) << m << " " << i;
      }
      format.unpack(&tile, {rows, rows[0]}, kFirst, kCount);
      std::vector<float> acc(2 * kRows * 16, 1.5f);
      format.unpack(tiles, {rows, rows[0]}, kFirst, kCount);
      format.unpack(tiles + 1, {others, rows[0]}, kFirst, kCount);
      format.dot(acc.data(), tiles, &in, kRows, kFirst, kCount);
      for (size_t m = 0; m < kRows; ++m)
        for (size_t r = 0; r < 16; ++r) ASSERT_EQ(acc[(kRows + m) * 16 + 15 - r], acc[m * 16 + r]) << k.isa << label(f);
      for (size_t m = 0; m < kRows; ++m)
        for (size_t r = 0; r < 16; ++r) {
          float wanted = 1.5f;
          for (size_t b = 0; b < kCount; b += blocks) {
            int32_t isum = 0, xsum = 0;
            for (size_t i = 0; i < 32 * blocks; ++i) {
              const size_t at = b + i / 32, e = i % 32;
              const int32_t v = q[m * n + 32 * (kFirst + b) + i], s = parts ? scale_of(at, e, r) : 1;
              isum += s * (weight_of(at, e, r) * v);
              xsum += (parts ? minimum_of(at, e, r) : 1) * v;
            }
            const float d_x = d[m * per_row(group) + (32 * (kFirst + b)) / size_t(group)];
            const float scale = tile.d[b / blocks][r] * d_x, term = scale * float(isum);
            wanted = wanted + term;
            if (!minimum) continue;
            const float least = (tile.m[b / blocks][r] * d_x) * float(xsum);
            wanted = parts ? wanted - least : wanted + least;
          }
          ASSERT_EQ(acc[m * 16 + r], wanted) << k.isa << label(f) << m << " " << r;
        }
    }
  }
}

TEST(Kernels, rotation_is_that_of_walsh_and_hadamard_and_undoes_itself) {
  for (const auto& [block, D] : {std::pair<size_t, size_t>{16, 80}, {32, 96}, {64, 64}, {128, 128}, {256, 512}}) {
    const std::vector<float> x = noise(D, D);
    expect_equal<float>(D, "hadamard", [&, block = block, D = D](const Kernels& k, float* y) { k.hadamard(y, x.data(), block, D); });
    std::vector<float> y(D), again(D);
    scalar().hadamard(y.data(), x.data(), block, D);
    for (size_t i = 0; i < D; ++i) {
      double wanted = 0;  // sum of x times -1 to the number of bits that row and column share
      for (size_t j = 0; j < block; ++j) wanted += (std::popcount(i % block & j) % 2 ? -1 : 1) * double(x[i / block * block + j]);
      EXPECT_NEAR(y[i], wanted / std::sqrt(double(block)), 1e-5) << block << " " << i;
    }
    again = y;
    scalar().hadamard(again.data(), again.data(), block, D);
    for (size_t i = 0; i < D; ++i) EXPECT_NEAR(again[i], x[i], 5e-6);
  }
}

TEST(Kernels, rows_interleave_side_by_side) {
  for (size_t D : {1u, 20u, 33u, 128u})
    for (size_t n : {1u, 3u, 16u}) {
      const std::vector<float> x = noise(n * D, D);
      const float* rows[16];
      for (size_t r = 0; r < n; ++r) rows[r] = &x[r * D];
      for (const Kernels& k : kernel_variants()) {
        Guarded<float> to(n * D);
        k.interleave_rows(to.data(), rows, int32_t(n), D);
        for (size_t i = 0; i < n * D; ++i) ASSERT_EQ(to.data()[i % D * n + i / D], x[i]) << k.isa;
      }
    }
}

TEST(Kernels, variants_are_found_by_name) {
  for (const Kernels& k : kernel_variants()) EXPECT_EQ(find_kernels(k.isa), &k);
  EXPECT_EQ(&kernels(), &kernel_variants().back());
  EXPECT_EQ(find_kernels("sse9"), nullptr);
}

}  // namespace
}  // namespace synapse
