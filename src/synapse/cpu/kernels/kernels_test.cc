// Every variant against scalar with equality: odd sizes, unaligned operands, guard bytes around every output.
#include "synapse/cpu/kernels/kernels.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <string>
#include <vector>

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

// FNV-1a of the bytes that gguf.quants.quantize of the Python package gguf 0.19 gives for these values.
TEST(Kernels, quantisers_write_the_reference_bytes) {
  std::vector<float> x(64);
  for (int i = 0; i < 64; ++i) x[size_t(i)] = float((i * 37 % 64 - 29) * (i % 5 + 1)) / 64.0f;
  const auto digest = [&](DType f) {
    std::vector<uint8_t> y(row_bytes(f, 64));
    scalar().formats[size_t(f)].quantize(y.data(), x.data(), 64);
    return hash64(y.data(), y.size());
  };
  EXPECT_EQ(digest(DType::q8_0), 0x7b0a73a6f28c99cdu);
  EXPECT_EQ(digest(DType::q4_0), 0x636d6d87f447e6f7u);
}

TEST(Kernels, activations_quantise_like_scalar_and_as_written) {
  for (size_t n : {32u, 96u, 256u, 1024u}) {
    std::vector<float> x = noise(n, n);
    for (size_t i = 0; i < 32; ++i) x[i] = float(int(i) - 16) * 0.5f;  // ties: amax 8 gives steps of 127 / 16
    if (n > 32) x[40] = 1e-31f;
    if (n > 90) x[70] = NAN;
    expect_equal<int8_t>(n, "q", [&](const Kernels& k, int8_t* q) {
      std::vector<float> d(n / 32);
      std::vector<int32_t> sums(n / 32);
      k.quantize_row(q, d.data(), sums.data(), x.data(), n, 32);
      for (size_t g = 0; g < n / 32; ++g) {
        float amax = 0;
        bool faulty = false;
        for (size_t i = 32 * g; i < 32 * g + 32; ++i) amax = std::fmax(amax, std::fabs(x[i])), faulty |= !std::isfinite(x[i]);
        int32_t sum = 0;
        for (size_t i = 32 * g; i < 32 * g + 32; ++i) {
          EXPECT_EQ(q[i], faulty ? 0 : int(std::nearbyint(x[i] * (127.0f / amax))));
          sum += q[i];
        }
        EXPECT_EQ(sums[g], sum);
        EXPECT_TRUE(faulty ? std::isnan(d[g]) : d[g] == amax / 127.0f) << d[g];
      }
    });
  }
}

TEST(Kernels, a_tile_unpacks_to_its_rows_and_multiplies_exactly) {
  for (DType f : {DType::q8_0, DType::q4_0}) {
    const Format& reference = scalar().formats[size_t(f)];
    constexpr int32_t n = 160, kRows = 11;
    const size_t stride = row_bytes(f, n) + 3;
    std::vector<uint8_t> w(stride * 16 + 1);
    for (size_t i = 0; i < w.size(); ++i) w[i] = uint8_t(random_bits(9, i));  // any nibble, any byte, -128 too
    std::vector<float> x = noise(n * kRows, 4);
    std::vector<int8_t> q(n * kRows);
    std::vector<float> d(n / 32 * kRows), row(n);
    std::vector<int32_t> sums(n / 32 * kRows);
    for (int32_t r = 0; r < kRows; ++r)
      scalar().quantize_row(&q[size_t(r * n)], &d[size_t(r * n / 32)], &sums[size_t(r * n / 32)], &x[size_t(r * n)], n, 32);
    const QuantRows in = {q.data(), d.data(), sums.data(), n};
    const uint8_t* rows[16];
    for (size_t r = 0; r < 16; ++r) {
      rows[r] = w.data() + 1 + r * stride;
      for (size_t at = 0; at < size_t(n / 32); ++at) {  // scales that are ordinary numbers
        const uint16_t half = f32_to_f16(0.01f * float(r + at + 1));
        std::memcpy(w.data() + 1 + r * stride + at * size_t(info(f).block_bytes), &half, 2);
      }
    }
    for (const Kernels& k : kernel_variants()) {
      Tile tile;
      const Format& format = k.formats[size_t(f)];
      format.unpack(&tile, rows, 1, 3, rows[0]);
      for (size_t r = 0; r < 16; ++r) {
        reference.dequantize(row.data(), rows[r], n);
        for (size_t i = 0; i < 96; ++i)
          ASSERT_EQ(tile.d[i / 32][r] * float(tile.q[i / 32][i % 32 / 4][r][i % 4]), row[32 + i]) << k.isa << label(f) << r << " " << i;
      }
      std::vector<float> acc(kRows * 16, 1.5f);
      format.dot(acc.data(), &tile, &in, kRows, 1, 3);
      for (size_t m = 0; m < kRows; ++m)
        for (size_t r = 0; r < 16; ++r) {
          float wanted = 1.5f;
          for (size_t b = 0; b < 3; ++b) {
            int32_t isum = 0;
            for (size_t i = 0; i < 32; ++i) isum += tile.q[b][i / 4][r][i % 4] * q[m * n + 32 * (b + 1) + i];
            const float scale = tile.d[b][r] * d[m * (n / 32) + b + 1], term = scale * float(isum);
            wanted = wanted + term;
          }
          ASSERT_EQ(acc[m * 16 + r], wanted) << k.isa << label(f) << m << " " << r;
        }
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
