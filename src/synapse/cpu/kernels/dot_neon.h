// dot4 by widening products: lane r of acc += the four products of row r's bytes of k-group g with those of
// x. Exact for all int8.
struct DotX {
  const int8_t* q;
};
struct DotW {
  int8x16_t p[4];
};
SYN_INLINE DotX dot_x(const int8_t* q) { return {q}; }
template <bool>
SYN_INLINE DotW dot_w(const int8_t* q) { return {{vld1q_s8(q), vld1q_s8(q + 16), vld1q_s8(q + 32), vld1q_s8(q + 48)}}; }
template <bool>
SYN_INLINE VI dot4(VI acc, const DotW& w, const DotX& x, int g) {
  int32_t four;
  __builtin_memcpy(&four, x.q + 4 * g, 4);
  const int8x16_t v = vreinterpretq_s8_s32(vdupq_n_s32(four));
  return each_part<VI>([&](int i) {
    const int32x4_t low = vpaddlq_s16(vmull_s8(vget_low_s8(w.p[i]), vget_low_s8(v)));
    const int32x4_t high = vpaddlq_s16(vmull_high_s8(w.p[i], v));
    return acc.p[i] + (PI)vpaddq_s32(low, high);
  });
}
