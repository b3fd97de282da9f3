// dot4 on bytes widened to 16 bits, even and odd ones apart: lane r of acc += the four products of row r's
// bytes of k-group g with those of x. Exact for all int8.
struct DotX {
  int32_t even[8], odd[8];
};
struct DotW {
  __m512i even, odd;
};
SYN_INLINE DotX dot_x(const int8_t* q) {
  const __m256i v = _mm256_loadu_si256((const __m256i*)q);
  DotX x;
  _mm256_storeu_si256((__m256i*)x.even, _mm256_srai_epi16(_mm256_slli_epi16(v, 8), 8));
  _mm256_storeu_si256((__m256i*)x.odd, _mm256_srai_epi16(v, 8));
  return x;
}
template <bool>
SYN_INLINE DotW dot_w(const int8_t* q) {
  const __m512i v = _mm512_load_si512(q);
  return {_mm512_srai_epi16(_mm512_slli_epi16(v, 8), 8), _mm512_srai_epi16(v, 8)};
}
template <bool>
SYN_INLINE VI dot4(VI acc, const DotW& w, const DotX& x, int g) {
  acc.p[0] += (PI)_mm512_madd_epi16(w.even, _mm512_set1_epi32(x.even[g]));
  acc.p[0] += (PI)_mm512_madd_epi16(w.odd, _mm512_set1_epi32(x.odd[g]));
  return acc;
}

constexpr int32_t kSignedShift = 0;
constexpr int kDotRows = 4;  // activation rows whose products with two tiles are held in registers
constexpr int kDotRowsOfParts = 2;
