// What fit.cc and fit_k.cc share: both are compiled for the plainest CPU of the target, whatever runs.
#pragma once
#include "synapse/base/compiler.h"
#include "synapse/base/half.h"
#include "synapse/base/math.h"
#include "synapse/cpu/kernels/kernels.h"

namespace synapse {

// The formats of 256-blocks of fit_blocks.
void fit_super_blocks(DType type, uint8_t* out, const float* x, const float* importance, size_t n);

namespace {

#include "synapse/cpu/kernels/simd_scalar.h"
#include "synapse/cpu/kernels/blocks.inl"
#include "synapse/cpu/kernels/fit.inl"

// Elements at .. at + 16 N, of the `around` elements from `start` on that belong together.
template <int N>
Group<N> read_part(const float* x, const float* importance, size_t at, size_t start, size_t around) {
  Group<N> p;
  for (int i = 0; i < N; ++i) p.x[i] = V::load(x + at + size_t(16 * i)), p.w[i] = V(1.0f);
  if (!importance) return p;
  V squares(0.0f);
  for (size_t i = start; i < start + around; i += 16) squares = squares + V::load(x + i) * V::load(x + i);
  const float twice = 2.0f * sum(squares) / float(around);
  float all = 0, w[16 * N];
  for (int i = 0; i < 16 * N; ++i) {
    const float v = x[at + size_t(i)];
    w[i] = importance[at + size_t(i)] * sqrt_f32(twice + v * v);
    all += w[i];
  }
  if (!(all > 0)) return p;  // nothing was seen here: all alike
  for (int i = 0; i < N; ++i) p.w[i] = V::load(w + 16 * i);
  return p;
}

template <typename Levels, int N>
void put_codes(uint8_t* codes, const Group<N>& p, float scale) {
  float q[16];
  for (int i = 0; i < N; ++i) {
    Levels::nearest(p.x[i] * V(inverse_of(scale))).store(q);
    for (int k = 0; k < 16; ++k) codes[16 * i + k] = Levels::code(q[k]);
  }
}

template <int kMost, int N>
void put_affine_codes(uint8_t* codes, const Group<N>& p, Affine a) {
  float q[16];
  for (int i = 0; i < N; ++i) {
    affine_level<kMost, N>(p.x[i], V(inverse_of(a.scale)), V(a.offset)).store(q);
    for (int k = 0; k < 16; ++k) codes[16 * i + k] = uint8_t(int32_t(q[k]));
  }
}

}  // namespace
}  // namespace synapse
