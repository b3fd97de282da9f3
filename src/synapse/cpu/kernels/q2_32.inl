// Q2_32 and Q2_64: 32 or 64 weights in 10 or 18 bytes, f16 d, then two bits each: bits 2s, 2s+1 of byte l are weight
// 8 s + l, or 16 s + l; weight = d * (2 q - 3), so d times -3, -1, 1 or 3. Ours: made of an I8 tensor and its scales when a file is
// opened (docs/formats.md).

template <size_t kWeights>
void dequantize_two_bits(float* y, const void* blocks, size_t n) {
  const uint8_t* in = (const uint8_t*)blocks;
  for (size_t at = 0; at < n; at += kWeights, in += 2 + kWeights / 4) {
    const float d = half_at(in);
    for (size_t i = 0; i < kWeights; ++i) {
      const int32_t q = in[2 + i % (kWeights / 4)] >> (2 * (i / (kWeights / 4))) & 3;
      y[at + i] = d * float(2 * q - 3);
    }
  }
}

struct Q2_32 {
  static constexpr DType kType = DType::q2_32;
  static constexpr int kBlocks = 1, kParts = 0, kOffset = 3;
  static constexpr bool kMin = false;
  template <typename W>
  SYN_INLINE static V d(const W& w, size_t at) { return halves(w, at); }
  template <typename W, typename F>
  SYN_INLINE static void each(const W& w, size_t at, F&& f) {
    SYN_UNROLL(kUnroll)
    for (int g = 0; g < 2; ++g) {
      const VI q = load_words(w, at + 2 + size_t(4 * g));
      SYN_UNROLL(kUnroll)
      for (int s = 0; s < 4; ++s) f(0, 2 * s + g, ((q >> (2 * s)) & bytes(3)) << 1);
    }
  }
};

struct Q2_64 {
  static constexpr DType kType = DType::q2_64;
  static constexpr int kBlocks = 2, kParts = 0, kOffset = 3;
  static constexpr bool kMin = false;
  template <typename W>
  SYN_INLINE static V d(const W& w, size_t at) { return halves(w, at); }
  template <typename W, typename F>
  SYN_INLINE static void each(const W& w, size_t at, F&& f) {
    VI q[4];
    load_rows(q, w, at + 2);
    SYN_UNROLL(kUnroll)
    for (int g = 0; g < 4; ++g)
      SYN_UNROLL(kUnroll)
      for (int s = 0; s < 4; ++s) f(s / 2, s % 2 * 4 + g, ((q[g] >> (2 * s)) & bytes(3)) << 1);
  }
};
