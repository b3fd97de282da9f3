// Q4_1: 32 weights in 20 bytes, f16 d, f16 m, then nibbles as Q4_0's; weight = d * nibble + m.

void quantize_q4_1(void* blocks, const float* x, size_t n) {
  uint8_t *out = (uint8_t*)blocks, q[32];
  for (size_t at = 0; at < n; at += 32, out += 20) {
    const Range range = range_of(x + at, 32);
    const float d = (range.most - range.least) / 15.0f, inverse = inverse_of(d);
    put_half(out, d), put_half(out + 2, range.least);
    for (size_t i = 0; i < 32; ++i) q[i] = level((x[at + i] - range.least) * inverse + 0.5f, 15);
    put_nibbles(out + 4, q);
  }
}

void dequantize_q4_1(float* y, const void* blocks, size_t n) {
  const uint8_t* in = (const uint8_t*)blocks;
  for (size_t at = 0; at < n; at += 32, in += 20) {
    const float d = half_at(in), m = half_at(in + 2);
    for (size_t i = 0; i < 16; ++i) {
      y[at + i] = d * float(in[4 + i] & 15) + m;
      y[at + 16 + i] = d * float(in[4 + i] >> 4) + m;
    }
  }
}

struct Q4_1 {
  static constexpr DType kType = DType::q4_1;
  static constexpr int kBlocks = 1, kParts = 0, kOffset = 0;
  static constexpr bool kMin = true;
  template <typename W>
  SYN_INLINE static V d(const W& w, size_t at) { return halves(w, at); }
  template <typename W>
  SYN_INLINE static V m(const W& w, size_t at) { return halves(w, at + 2); }
  template <typename W, typename F>
  SYN_INLINE static void each(const W& w, size_t at, F&& f) {
    each_nibbles(w, at + 4, [&](int g, VI u) { f(0, g, u); });
  }
};
