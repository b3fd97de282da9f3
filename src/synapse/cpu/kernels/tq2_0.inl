// TQ2_0: 256 weights in 66 bytes: two bits each as Q2_K's, then f16 d; weight = d * (q - 1).

void quantize_tq2_0(void* blocks, const float* x, size_t n) {
  uint8_t* out = (uint8_t*)blocks;
  for (size_t at = 0; at < n; at += 256, out += 66) {
    const float d = __builtin_fabsf(first_extreme(x + at, 256)), inverse = inverse_of(d);
    for (size_t i = 0; i < 64; ++i) out[i] = 0;
    for (size_t i = 0; i < 256; ++i) {
      const float v = x[at + i] * inverse;  // half away from zero
      const int32_t q = 1 + (v >= 0.5f) - (v <= -0.5f);
      out[32 * (i / 128) + i % 32] |= uint8_t(q << (2 * (i / 32 % 4)));
    }
    put_half(out + 64, d);
  }
}

void dequantize_tq2_0(float* y, const void* blocks, size_t n) {
  const uint8_t* in = (const uint8_t*)blocks;
  for (size_t at = 0; at < n; at += 256, in += 66) {
    const float d = half_at(in + 64);
    for (size_t i = 0; i < 256; ++i) y[at + i] = d * float(two_bits(in, i) - 1);
  }
}

struct Tq2_0 {
  static constexpr DType kType = DType::tq2_0;
  static constexpr int kBlocks = 8, kParts = 0, kOffset = 1;
  static constexpr bool kMin = false;
  template <typename W>
  SYN_INLINE static V d(const W& w, size_t at) { return halves(w, at + 64); }
  template <typename W, typename F>
  SYN_INLINE static void each(const W& w, size_t at, F&& f) {
    SYN_UNROLL(kUnroll)
    for (int half = 0; half < 2; ++half)
      each_pairs(w, at + size_t(32 * half), [&](int s, int g, VI u) { f(4 * half + s, g, u); });
  }
};
