// Q5_K: 256 weights in 176 bytes: f16 d, f16 dmin, scales and minima as Q4_K's, 32 bytes of fifth bits (bit b of byte l:
// weight 32 b + l), 128 bytes of nibbles as Q4_K's. weight = (d * scale) * q - (dmin * minimum).

void dequantize_q5_k(float* y, const void* blocks, size_t n) {
  const uint8_t* in = (const uint8_t*)blocks;
  for (size_t at = 0; at < n; at += 256, in += 176) {
    const float d = half_at(in), dmin = half_at(in + 2);
    for (size_t j = 0; j < 8; ++j) {
      const SixBits s = six_bits(in + 4, j);
      const float scale = d * float(s.scale), minimum = dmin * float(s.minimum);
      const uint8_t *q = in + 48 + 32 * (j / 2), *high = in + 16;
      for (size_t i = 0; i < 32; ++i) {
        const int32_t five = (q[i] >> (4 * (j % 2)) & 15) | (high[i] >> j & 1) << 4;
        y[at + 32 * j + i] = scale * float(five) - minimum;
      }
    }
  }
}

struct Q5K {
  static constexpr DType kType = DType::q5_k;
  static constexpr int kBlocks = 8, kParts = 1, kOffset = 0;
  static constexpr bool kMin = true;
  template <typename W>
  SYN_INLINE static V d(const W& w, size_t at) { return halves(w, at); }
  template <typename W>
  SYN_INLINE static V m(const W& w, size_t at) { return halves(w, at + 2); }
  template <typename W>
  SYN_INLINE static void parts(const W& w, size_t at, VI* scale, VI* minima) {
    unpack_six_bits(scale, minima, load_words(w, at + 4), load_words(w, at + 8), load_words(w, at + 12));
  }
  template <typename W, typename F>
  SYN_INLINE static void each(const W& w, size_t at, F&& f) {
    VI high[8];
    load_rows(high, w, at + 16), load_rows(high + 4, w, at + 32);
    SYN_UNROLL(kUnroll)
    for (int two = 0; two < 4; ++two)
      each_nibbles_of_two(w, at + 48 + size_t(32 * two), [&](int i, int g, VI u) {
        const int block = 2 * two + i;
        f(block, g, u | (((high[g] >> block) & bytes(1)) << 4));
      });
  }
};
