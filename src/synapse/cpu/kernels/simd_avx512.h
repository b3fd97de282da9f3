// AVX-512 F, BW, VL, DQ, with FMA and F16C.
constexpr int kPartBytes = 64;

SYN_INLINE __m512 fma_part(__m512 a, __m512 b, __m512 c) { return _mm512_fmadd_ps(a, b, c); }
SYN_INLINE __m512i round_part(__m512 a) { return _mm512_cvtps_epi32(a); }

#include "synapse/cpu/kernels/simd.inl"

SYN_INLINE V load_f16(const uint8_t* from) {
  return each_part<V>([&](int) { return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i*)from)); });
}
SYN_INLINE void store_f16(uint8_t* to, V v) {  // min and max return the second operand when one is a NaN
  __m512 x = _mm512_min_ps(_mm512_set1_ps(65504.0f), v.p[0]);
  x = _mm512_max_ps(_mm512_set1_ps(-65504.0f), x);
  _mm256_storeu_si256((__m256i*)to, _mm512_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT));
}
SYN_INLINE VI load_i8(const uint8_t* from) {
  return each_part<VI>([&](int) { return PI(_mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i*)from))); });
}
SYN_INLINE VI load_u16(const uint8_t* from) {
  return each_part<VI>([&](int) { return PI(_mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i*)from))); });
}
SYN_INLINE void store_low16(uint8_t* to, VI v) {
  _mm256_storeu_si256((__m256i*)to, _mm512_cvtepi32_epi16((__m512i)v.p[0]));
}
SYN_INLINE void store_low8(int8_t* to, VI v) { _mm_storeu_si128((__m128i*)to, _mm512_cvtepi32_epi8((__m512i)v.p[0])); }

// 16 bytes at `at` of each row; out[g] holds bytes 4g .. 4g+3 of row r in lane r.
SYN_INLINE void load_rows(VI out[4], const uint8_t* const rows[16], size_t at) {
  const auto four = [&](int r) {
    const auto row = [&](int i) { return _mm_loadu_si128((const __m128i*)(rows[4 * i + r] + at)); };
    __m512i v = _mm512_castsi128_si512(row(0));
    v = _mm512_inserti32x4(v, row(1), 1);
    v = _mm512_inserti32x4(v, row(2), 2);
    return _mm512_inserti32x4(v, row(3), 3);
  };
  const __m512i r0 = four(0), r1 = four(1), r2 = four(2), r3 = four(3);
  const __m512i a = _mm512_unpacklo_epi32(r0, r1), b = _mm512_unpackhi_epi32(r0, r1);
  const __m512i c = _mm512_unpacklo_epi32(r2, r3), d = _mm512_unpackhi_epi32(r2, r3);
  out[0].p[0] = (PI)_mm512_unpacklo_epi64(a, c);
  out[1].p[0] = (PI)_mm512_unpackhi_epi64(a, c);
  out[2].p[0] = (PI)_mm512_unpacklo_epi64(b, d);
  out[3].p[0] = (PI)_mm512_unpackhi_epi64(b, d);
}

// Each lane's two int16 times those of b, summed.
SYN_INLINE VI dot2(VI a, VI b) {
  return each_part<VI>([&](int i) { return (PI)_mm512_madd_epi16((__m512i)a.p[i], (__m512i)b.p[i]); });
}

// table[n] for each byte n of a lane, n < 16.
SYN_INLINE VI look_up(const int8_t table[16], VI n) {
  const __m512i t = _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i*)table));
  return each_part<VI>([&](int i) { return (PI)_mm512_shuffle_epi8(t, (__m512i)n.p[i]); });
}

constexpr int kLinearRows = 4;  // outputs of a float linear held in registers: kLinearRows x kLinearColumns
constexpr int kLinearColumns = 4;
constexpr int kUnroll = 16;        // rounds of the loops over a block that are taken apart: where weights go from memory to registers
constexpr int kAttendRegisters = 16;  // sums of attention held in registers, and most queries at a time
