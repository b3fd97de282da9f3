// dot4 by vpdpbusd, whose first factor is unsigned: signed weights are shifted by 128, all in int32 and exact.
constexpr int32_t kSignedShift = 128;
struct DotX {
  const int8_t* q;
};
using DotW = __m512i;
SYN_INLINE DotX dot_x(const int8_t* q) { return {q}; }
template <bool is_signed>
SYN_INLINE DotW dot_w_of(VI q) {
  const __m512i w = (__m512i)q.p[0];
  return is_signed ? _mm512_xor_si512(w, _mm512_set1_epi8(-128)) : w;
}
template <bool is_signed>
SYN_INLINE DotW dot_w(const int8_t* q) { return dot_w_of<is_signed>(VI::load(q)); }
template <bool>
SYN_INLINE VI dot4(VI acc, DotW w, const DotX& x, int g) {
  int32_t four;
  __builtin_memcpy(&four, x.q + 4 * g, 4);
  acc.p[0] = (PI)_mm512_dpbusd_epi32((__m512i)acc.p[0], w, _mm512_set1_epi32(four));
  return acc;
}

constexpr int kDotRows = 6;  // activation rows whose products with two tiles are held in registers
constexpr int kDotRowsOfParts = 4;
constexpr int kPackedRows = 16;  // of x that packed weights without parts meet in registers before tiles are faster
