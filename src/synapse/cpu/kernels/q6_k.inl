// Q6_K: 256 weights in 210 bytes: 128 bytes of nibbles, 64 bytes of two high bits, 16 int8 scales of 16 weights each, f16 d.
// Of half h, 64 nibble bytes and 32 high bytes: block s of its four has the nibbles of bytes 32 (s % 2) + l, low ones for
// s < 2, and bits 2s, 2s+1 of high byte l. weight = (d * scale) * (q - 32).

void dequantize_q6_k(float* y, const void* blocks, size_t n) {
  const uint8_t* in = (const uint8_t*)blocks;
  for (size_t at = 0; at < n; at += 256, in += 210) {
    const float d = half_at(in + 208);
    for (size_t i = 0; i < 256; ++i) {
      const size_t half = i / 128, s = i / 32 % 4, l = i % 32;
      const int32_t low = in[64 * half + 32 * (s % 2) + l] >> (4 * (s / 2)) & 15, high = two_bits(in + 128, i);
      const float scale = d * float(int8_t(in[192 + i / 16]));
      y[at + i] = scale * float((low | high << 4) - 32);
    }
  }
}

struct Q6K {
  static constexpr DType kType = DType::q6_k;
  static constexpr int kBlocks = 8, kParts = 2, kOffset = 32;
  static constexpr bool kMin = false;
  template <typename W>
  SYN_INLINE static V d(const W& w, size_t at) { return halves(w, at + 208); }
  template <typename W>
  SYN_INLINE static void parts(const W& w, size_t at, VI* scale, VI*) {
    VI subs[4];
    load_rows(subs, w, at + 192);
    SYN_UNROLL(kUnroll)
    for (int j = 0; j < 16; ++j) scale[j] = (subs[j / 4] << (24 - 8 * (j % 4))) >> 24;
  }
  template <typename W, typename F>
  SYN_INLINE static void each(const W& w, size_t at, F&& f) {
    SYN_UNROLL(kUnroll)
    for (int half = 0; half < 2; ++half)
      SYN_UNROLL(kUnroll)
      for (int part = 0; part < 2; ++part) {  // 16 of the 32 bytes
        VI high[4];
        load_rows(high, w, at + 128 + size_t(32 * half + 16 * part));
        SYN_UNROLL(kUnroll)
        for (int i = 0; i < 2; ++i) {
          VI low[4];
          load_rows(low, w, at + size_t(64 * half + 32 * i + 16 * part));
          SYN_UNROLL(kUnroll)
          for (int g = 0; g < 4; ++g) {
            f(4 * half + i, 4 * part + g, (low[g] & bytes(15)) | (((high[g] >> (2 * i)) & bytes(3)) << 4));
            f(4 * half + i + 2, 4 * part + g, ((low[g] >> 4) & bytes(15)) | (((high[g] >> (2 * i + 4)) & bytes(3)) << 4));
          }
        }
      }
  }
};
