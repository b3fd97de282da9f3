// Q2_K: 256 weights in 84 bytes: 16 bytes that each hold the scale (low nibble) and the minimum (high nibble) of 16
// weights, 64 bytes of two bits (bits 2s, 2s+1 of byte l of half h: weight 128 h + 32 s + l), f16 d, f16 dmin.
// weight = (d * scale) * q - (dmin * minimum).

void dequantize_q2_k(float* y, const void* blocks, size_t n) {
  const uint8_t* in = (const uint8_t*)blocks;
  for (size_t at = 0; at < n; at += 256, in += 84) {
    const float d = half_at(in + 80), dmin = half_at(in + 82);
    for (size_t i = 0; i < 256; ++i) {
      const float scale = d * float(in[i / 16] & 15), minimum = dmin * float(in[i / 16] >> 4);
      y[at + i] = scale * float(two_bits(in + 16, i)) - minimum;
    }
  }
}

struct Q2K {
  static constexpr DType kType = DType::q2_k;
  static constexpr int kBlocks = 8, kParts = 2, kOffset = 0;
  static constexpr bool kMin = true;
  template <typename W>
  SYN_INLINE static V d(const W& w, size_t at) { return halves(w, at + 80); }
  template <typename W>
  SYN_INLINE static V m(const W& w, size_t at) { return halves(w, at + 82); }
  template <typename W>
  SYN_INLINE static void parts(const W& w, size_t at, VI* scale, VI* minima) {
    VI subs[4];
    load_rows(subs, w, at);
    SYN_UNROLL(kUnroll)
    for (int j = 0; j < 16; ++j) scale[j] = byte_of(subs[j / 4] & bytes(15), j % 4);
    SYN_UNROLL(kUnroll)
    for (int j = 0; j < 8; ++j) minima[j] = byte_pair((subs[j / 2] >> 4) & bytes(15), j % 2);
  }
  template <typename W, typename F>
  SYN_INLINE static void each(const W& w, size_t at, F&& f) {
    SYN_UNROLL(kUnroll)
    for (int half = 0; half < 2; ++half)
      each_pairs(w, at + 16 + size_t(32 * half), [&](int s, int g, VI u) { f(4 * half + s, g, u); });
  }
};
