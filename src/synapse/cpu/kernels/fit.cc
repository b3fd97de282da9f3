#include "synapse/cpu/kernels/fit.h"

#include "synapse/cpu/kernels/fit_parts.h"

namespace synapse {
namespace {

// A block with one scale: f16 d, then the codes by `put`.
template <typename Levels, int N, typename Put>
void fit_scaled(uint8_t* out, const float* x, const float* importance, size_t bytes, size_t n, Put&& put) {
  for (size_t at = 0; at < n; at += 16 * N, out += bytes) {
    const Group<N> p = read_part<N>(x, importance, at, at, 16 * N);
    put_half(out, fit_scale<Levels>(p));
    uint8_t codes[16 * N];
    put_codes<Levels>(codes, p, half_at(out));
    put(out + 2, codes);
  }
}

template <int kMost, typename Put>
void fit_affine_blocks(uint8_t* out, const float* x, const float* importance, size_t bytes, size_t n, Put&& put) {
  for (size_t at = 0; at < n; at += 32, out += bytes) {
    const Group<2> p = read_part<2>(x, importance, at, at, 32);
    const Affine a = fit_affine<kMost, false>(p);
    put_half(out, a.scale), put_half(out + 2, a.offset);
    uint8_t codes[32];
    put_affine_codes<kMost>(codes, p, {half_at(out), half_at(out + 2)});
    put(out + 4, codes);
  }
}

template <int kCodes>  // codes i, i + kCodes / 4 ... in one byte
void put_twos(uint8_t* to, const uint8_t* codes) {
  constexpr int n = kCodes / 4;
  for (int i = 0; i < n; ++i)
    to[i] = uint8_t(codes[i] | codes[i + n] << 2 | codes[i + 2 * n] << 4 | codes[i + 3 * n] << 6);
}

}  // namespace

bool can_fit(DType type) {
  using enum DType;
  switch (type) {
    case q4_0: case q4_1: case q5_0: case q5_1: case iq4_nl: case q2_32: case q2_64:
    case q2_k: case q3_k: case q4_k: case q5_k: case q6_k: case iq4_xs:
      return true;
    default:
      return false;
  }
}

void fit_blocks(DType type, void* blocks, const float* x, const float* importance, size_t n) {
  uint8_t* out = static_cast<uint8_t*>(blocks);
  const size_t bytes = size_t(info(type).block_bytes);
  switch (type) {
    case DType::q4_0: return fit_scaled<Uniform<-8, 7>, 2>(out, x, importance, bytes, n, put_nibbles);
    case DType::q5_0: return fit_scaled<Uniform<-16, 15>, 2>(out, x, importance, bytes, n, put_fives);
    case DType::iq4_nl: return fit_scaled<Iq4Levels, 2>(out, x, importance, bytes, n, put_nibbles);
    case DType::q2_32: return fit_scaled<FourLevels, 2>(out, x, importance, bytes, n, put_twos<32>);
    case DType::q2_64: return fit_scaled<FourLevels, 4>(out, x, importance, bytes, n, put_twos<64>);
    case DType::q4_1: return fit_affine_blocks<15>(out, x, importance, bytes, n, put_nibbles);
    case DType::q5_1: return fit_affine_blocks<31>(out, x, importance, bytes, n, put_fives);
    default: return fit_super_blocks(type, out, x, importance, n);
  }
}

}  // namespace synapse
