// AVX2 + FMA + F16C.
constexpr int kPartBytes = 32;

SYN_INLINE __m256 fma_part(__m256 a, __m256 b, __m256 c) { return _mm256_fmadd_ps(a, b, c); }
SYN_INLINE __m256i round_part(__m256 a) { return _mm256_cvtps_epi32(a); }

#include "synapse/cpu/kernels/simd.inl"

SYN_INLINE V load_f16(const uint8_t* from) {
  const auto half = [&](int i) { return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i*)(from + 16 * i))); };
  return each_part<V>(half);
}
SYN_INLINE void store_f16(uint8_t* to, V v) {
  for (int i = 0; i < 2; ++i) {  // min and max return the second operand when one is a NaN
    __m256 x = _mm256_min_ps(_mm256_set1_ps(65504.0f), v.p[i]);
    x = _mm256_max_ps(_mm256_set1_ps(-65504.0f), x);
    _mm_storeu_si128((__m128i*)(to + 16 * i), _mm256_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT));
  }
}
SYN_INLINE VI load_i8(const uint8_t* from) {
  return each_part<VI>([&](int i) { return PI(_mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i*)(from + 8 * i)))); });
}
SYN_INLINE VI load_u16(const uint8_t* from) {
  return each_part<VI>(
      [&](int i) { return PI(_mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i*)(from + 16 * i)))); });
}
SYN_INLINE void store_low16(uint8_t* to, VI v) {
  const __m256i mask = _mm256_set1_epi32(0xFFFF);
  const __m256i packed = _mm256_packus_epi32(_mm256_and_si256((__m256i)v.p[0], mask), _mm256_and_si256((__m256i)v.p[1], mask));
  _mm256_storeu_si256((__m256i*)to, _mm256_permute4x64_epi64(packed, 0xD8));
}
SYN_INLINE void store_low8(int8_t* to, VI v) {  // lanes within int8
  const __m256i words = _mm256_permute4x64_epi64(_mm256_packs_epi32((__m256i)v.p[0], (__m256i)v.p[1]), 0xD8);
  _mm_storeu_si128((__m128i*)to, _mm_packs_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1)));
}

// 16 bytes at `at` of each row; out[g] holds bytes 4g .. 4g+3 of row r in lane r.
SYN_INLINE void load_rows(VI out[4], const uint8_t* const rows[16], size_t at) {
  for (int half = 0; half < 2; ++half) {
    const auto two = [&](int r) {
      return _mm256_inserti128_si256(_mm256_castsi128_si256(_mm_loadu_si128((const __m128i*)(rows[8 * half + r] + at))),
                                     _mm_loadu_si128((const __m128i*)(rows[8 * half + 4 + r] + at)), 1);
    };
    const __m256i r0 = two(0), r1 = two(1), r2 = two(2), r3 = two(3);
    const __m256i a = _mm256_unpacklo_epi32(r0, r1), b = _mm256_unpackhi_epi32(r0, r1);
    const __m256i c = _mm256_unpacklo_epi32(r2, r3), d = _mm256_unpackhi_epi32(r2, r3);
    out[0].p[half] = (PI)_mm256_unpacklo_epi64(a, c);
    out[1].p[half] = (PI)_mm256_unpackhi_epi64(a, c);
    out[2].p[half] = (PI)_mm256_unpacklo_epi64(b, d);
    out[3].p[half] = (PI)_mm256_unpackhi_epi64(b, d);
  }
}

// table[n] for each byte n of a lane, n < 16.
SYN_INLINE VI look_up(const int8_t table[16], VI n) {
  const __m256i t = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i*)table));
  return each_part<VI>([&](int i) { return (PI)_mm256_shuffle_epi8(t, (__m256i)n.p[i]); });
}

// dot4 on bytes widened to 16 bits, even and odd ones apart: lane r of acc += the four products of row r's
// bytes of k-group g with those of x. Exact for all int8.
struct DotX {
  int32_t even[8], odd[8];
};
struct DotW {
  __m256i even[2], odd[2];
};
SYN_INLINE __m256i even_bytes(__m256i v) { return _mm256_srai_epi16(_mm256_slli_epi16(v, 8), 8); }
SYN_INLINE __m256i odd_bytes(__m256i v) { return _mm256_srai_epi16(v, 8); }
SYN_INLINE DotX dot_x(const int8_t* q) {
  const __m256i v = _mm256_loadu_si256((const __m256i*)q);
  DotX x;
  _mm256_storeu_si256((__m256i*)x.even, even_bytes(v));
  _mm256_storeu_si256((__m256i*)x.odd, odd_bytes(v));
  return x;
}
SYN_INLINE VI dot_start(int32_t) { return VI(0); }
SYN_INLINE DotW dot_w(const int8_t* q) {
  const __m256i a = _mm256_load_si256((const __m256i*)q), b = _mm256_load_si256((const __m256i*)(q + 32));
  return {{even_bytes(a), even_bytes(b)}, {odd_bytes(a), odd_bytes(b)}};
}
SYN_INLINE VI dot4(VI acc, const DotW& w, const DotX& x, int g) {
  const __m256i even = _mm256_set1_epi32(x.even[g]), odd = _mm256_set1_epi32(x.odd[g]);
  return each_part<VI>([&](int i) {
    return acc.p[i] + (PI)_mm256_madd_epi16(w.even[i], even) + (PI)_mm256_madd_epi16(w.odd[i], odd);
  });
}

constexpr int kDotRows = 4;     // activation rows of a tile product held in registers
constexpr int kLinearRows = 2;  // outputs of a float linear held in registers: kLinearRows x kLinearColumns
constexpr int kLinearColumns = 2;
