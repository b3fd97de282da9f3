#include "synapse/cpu/kernels/planes.h"

#include <cstring>

#include "synapse/base/math.h"

namespace synapse {
namespace {

constexpr size_t kBlockBytes = 34, kHalf = 16;
constexpr float kRoundUp = 1 + 0x1p-20f;  // more than the few operations it follows can round down

// Both products are chains of n_blocks + 2 roundings whose terms the norms of q and of its high part bound.
uint8_t norm_of(const uint8_t* q, size_t n_blocks) {
  int32_t low = 0, high = 0, all = 0;
  for (size_t i = 0; i < size_t(kBlock); ++i) {
    const int32_t u = q[i] ^ 0x80, l = (u & 15) - 8, h = (u & 0xF0) - 120;
    low += l * l, high += h * h, all += (u - 128) * (u - 128);
  }
  const float rounding = float(n_blocks + 4) * 0x1p-24f;
  const float norm = (sqrt_f32(float(low)) + rounding * (sqrt_f32(float(high)) + sqrt_f32(float(all)))) * (kNormSteps * kRoundUp);
  const int32_t steps = int32_t(norm);
  return uint8_t(steps + (float(steps) < norm));
}

}  // namespace

void pack_planes(uint8_t* high, uint8_t* low, const uint8_t* const rows[kTileRows], size_t n_blocks) {
  for (size_t block = 0; block < n_blocks; ++block, high += kHighBytes, low += kLowBytes)
    for (size_t r = 0; r < size_t(kTileRows); ++r) {
      const uint8_t* const from = rows[r] + block * kBlockBytes;
      const uint8_t* const q = from + 2;
      std::memcpy(high + 2 * r, from, 2);
      for (size_t i = 0; i < kHalf; ++i) {
        const int32_t u = q[i] ^ 0x80, v = q[i + kHalf] ^ 0x80;
        const size_t at = kTileRows * (i & ~size_t(3)) + 4 * r + i % 4;
        high[kHighNibbles + at] = uint8_t((v & 0xF0) | (u >> 4));
        low[at] = uint8_t((v << 4) | (u & 15));
      }
      high[kHighNorms + r] = norm_of(q, n_blocks);
    }
}

void unpack_plane_row(uint8_t* to, const uint8_t* high, const uint8_t* low, int32_t row, size_t n_blocks) {
  const size_t r = size_t(row);
  for (size_t block = 0; block < n_blocks; ++block, high += kHighBytes, low += kLowBytes, to += kBlockBytes) {
    std::memcpy(to, high + 2 * r, 2);
    for (size_t i = 0; i < kHalf; ++i) {
      const size_t at = kTileRows * (i & ~size_t(3)) + 4 * r + i % 4;
      const uint8_t h = high[kHighNibbles + at], l = low[at];
      to[2 + i] = uint8_t(((h << 4) | (l & 15)) ^ 0x80);
      to[2 + i + kHalf] = uint8_t(((h & 0xF0) | (l >> 4)) ^ 0x80);
    }
  }
}

void plane_norms(float* norms, const QuantRows& x, int32_t n_blocks) {
  for (int32_t block = 0; block < n_blocks; ++block) {
    const int8_t* const q = x.q + size_t(block) * kBlock;
    int32_t squares = 0;
    for (int32_t i = 0; i < kBlock; ++i) squares += q[i] * q[i];
    norms[block] = x.d[block] * sqrt_f32(float(squares)) * (kRoundUp / kNormSteps);
  }
}

}  // namespace synapse
