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

// Each lane's two int16 times those of b, summed.
SYN_INLINE VI dot2(VI a, VI b) {
  return each_part<VI>([&](int i) { return (PI)_mm256_madd_epi16((__m256i)a.p[i], (__m256i)b.p[i]); });
}

// table[n] for each byte n of a lane, n < 16.
SYN_INLINE VI look_up(const int8_t table[16], VI n) {
  const __m256i t = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i*)table));
  return each_part<VI>([&](int i) { return (PI)_mm256_shuffle_epi8(t, (__m256i)n.p[i]); });
}

// dot4 by maddubs, whose first factor is unsigned: lane r of acc += the four products of row r's bytes of k-group g with those of
// x. Weights of 0 .. 127 are that; of signed ones the sign goes to x. No pair exceeds 16 bits: 2 * 128 * 127.
struct DotX {
  const int8_t* q;
};
struct DotW {
  __m256i w[2], size[2];
};
template <bool is_signed>
SYN_INLINE DotW dot_w_of(VI q) {
  const __m256i a = (__m256i)q.p[0], b = (__m256i)q.p[1];
  if constexpr (is_signed) return {{a, b}, {_mm256_abs_epi8(a), _mm256_abs_epi8(b)}};
  return {{a, b}, {a, b}};
}
template <bool is_signed>
SYN_INLINE DotW dot_w(const int8_t* q) { return dot_w_of<is_signed>(VI::load(q)); }
SYN_INLINE DotX dot_x(const int8_t* q) { return {q}; }
template <bool is_signed>
SYN_INLINE VI dot4(VI acc, const DotW& w, const DotX& x, int g) {
  int32_t four;
  __builtin_memcpy(&four, x.q + 4 * g, 4);
  const __m256i v = _mm256_set1_epi32(four), ones = _mm256_set1_epi16(1);
  return each_part<VI>([&](int i) {
    const __m256i pairs = _mm256_maddubs_epi16(w.size[i], is_signed ? _mm256_sign_epi8(v, w.w[i]) : v);
    return acc.p[i] + (PI)_mm256_madd_epi16(pairs, ones);
  });
}

constexpr int32_t kSignedShift = 0;
constexpr int kDotRows = 2;     // activation rows whose products with two tiles are held in registers
constexpr int kDotRowsOfParts = 1;
constexpr int kPackedRows = 1;  // of x that packed weights without parts meet in registers before tiles are faster
constexpr int kLinearRows = 2;  // outputs of a float linear held in registers: kLinearRows x kLinearColumns
constexpr int kLinearColumns = 2;
constexpr int kUnroll = 16;        // rounds of the loops over a block that are taken apart: where weights go from memory to registers
constexpr int kAttendRegisters = 4;  // sums of attention held in registers, and most queries at a time
