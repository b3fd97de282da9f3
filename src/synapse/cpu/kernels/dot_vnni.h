// dot4 by vpdpbusd, whose first factor is unsigned: weights are shifted by 128 and 128 times the sum of x is
// taken off, all in int32 and exact.
struct DotX {
  const int8_t* q;
};
using DotW = __m512i;
SYN_INLINE DotX dot_x(const int8_t* q) { return {q}; }
SYN_INLINE VI dot_start(int32_t sum_of_x) { return VI(-128 * sum_of_x); }
SYN_INLINE DotW dot_w(const int8_t* q) { return _mm512_xor_si512(_mm512_load_si512(q), _mm512_set1_epi8(-128)); }
SYN_INLINE VI dot4(VI acc, DotW w, const DotX& x, int g) {
  int32_t four;
  __builtin_memcpy(&four, x.q + 4 * g, 4);
  acc.p[0] = (PI)_mm512_dpbusd_epi32((__m512i)acc.p[0], w, _mm512_set1_epi32(four));
  return acc;
}

constexpr int kDotRows = 8;  // activation rows of a tile product held in registers
