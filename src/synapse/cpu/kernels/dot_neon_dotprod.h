// dot4 by sdot: lane r of acc += the four products of row r's bytes of k-group g with those of x.
struct DotX {
  const int8_t* q;
};
struct DotW {
  int8x16_t p[4];
};
SYN_INLINE DotX dot_x(const int8_t* q) { return {q}; }
template <bool>
SYN_INLINE DotW dot_w_of(VI q) { return {{(int8x16_t)q.p[0], (int8x16_t)q.p[1], (int8x16_t)q.p[2], (int8x16_t)q.p[3]}}; }
template <bool is_signed>
SYN_INLINE DotW dot_w(const int8_t* q) { return dot_w_of<is_signed>(VI::load(q)); }
template <bool>
SYN_INLINE VI dot4(VI acc, const DotW& w, const DotX& x, int g) {
  int32_t four;
  __builtin_memcpy(&four, x.q + 4 * g, 4);
  const int8x16_t v = vreinterpretq_s8_s32(vdupq_n_s32(four));
  return each_part<VI>([&](int i) { return (PI)vdotq_s32((int32x4_t)acc.p[i], w.p[i], v); });
}

constexpr int kPackedRows = 1;  // of x that packed weights without parts meet in registers before tiles are faster
