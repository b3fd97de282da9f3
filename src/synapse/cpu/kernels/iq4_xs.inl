// IQ4_XS: 256 weights in 136 bytes: f16 d, 16 bits that are the high two of eight 6-bit scales, 4 bytes of their low nibbles,
// 128 bytes of nibbles, 16 to a block of 32 as IQ4_NL's. weight = (d * (scale - 32)) * kIq4Values[nibble].

void dequantize_iq4_xs(float* y, const void* blocks, size_t n) {
  const uint8_t* in = (const uint8_t*)blocks;
  for (size_t at = 0; at < n; at += 256, in += 136) {
    const float d = half_at(in);
    const int32_t high = in[2] | in[3] << 8;
    for (size_t j = 0; j < 8; ++j) {
      const int32_t s = (in[4 + j / 2] >> (4 * (j % 2)) & 15) | (high >> (2 * j) & 3) << 4;
      const float scale = d * float(s - 32);
      const uint8_t* q = in + 8 + 16 * j;
      for (size_t i = 0; i < 16; ++i) {
        y[at + 32 * j + i] = scale * float(kIq4Values[q[i] & 15]);
        y[at + 32 * j + 16 + i] = scale * float(kIq4Values[q[i] >> 4]);
      }
    }
  }
}

struct Iq4Xs {
  static constexpr DType kType = DType::iq4_xs;
  static constexpr int kBlocks = 8, kParts = 1, kOffset = kSigned;
  static constexpr bool kMin = false;
  template <typename W>
  SYN_INLINE static V d(const W& w, size_t at) { return halves(w, at); }
  template <typename W>
  SYN_INLINE static void parts(const W& w, size_t at, VI* scale, VI*) {
    const VI high = load_u16s(w, at + 2), low = load_words(w, at + 4);
    SYN_UNROLL(kUnroll)
    for (int j = 0; j < 8; ++j) scale[j] = (((low >> (4 * j)) & VI(15)) | (((high >> (2 * j)) & VI(3)) << 4)) - VI(32);
  }
  template <typename W, typename F>
  SYN_INLINE static void each(const W& w, size_t at, F&& f) {
    SYN_UNROLL(kUnroll)
    for (int j = 0; j < 8; ++j)
      each_nibbles(w, at + 8 + size_t(16 * j), [&](int g, VI u) { f(j, g, look_up(kIq4Values, u)); });
  }
};
