// Q3_K: 256 weights in 110 bytes: 32 bytes of third bits (bit b of byte l: weight 32 b + l), 64 bytes of two bits as Q2_K's,
// 12 bytes of sixteen 6-bit scales (scale j: low four bits in nibble j / 8 of byte j % 8, high two in bits 2 (j / 4) of byte
// 8 + j % 4), f16 d. weight = (d * (scale - 32)) * (q - 4).

void dequantize_q3_k(float* y, const void* blocks, size_t n) {
  const uint8_t* in = (const uint8_t*)blocks;
  for (size_t at = 0; at < n; at += 256, in += 110) {
    const float d = half_at(in + 108);
    const uint8_t* s = in + 96;
    for (size_t j = 0; j < 16; ++j) {
      const int32_t low = s[j % 8] >> (4 * (j / 8)) & 15, high = s[8 + j % 4] >> (2 * (j / 4)) & 3;
      const float scale = d * float((low | high << 4) - 32);
      for (size_t i = 16 * j; i < 16 * j + 16; ++i) {
        const int32_t third = in[i % 32] >> (i / 32) & 1;
        y[at + i] = scale * float((two_bits(in + 32, i) | third << 2) - 4);
      }
    }
  }
}

struct Q3K {
  static constexpr DType kType = DType::q3_k;
  static constexpr int kBlocks = 8, kParts = 2, kOffset = 4;
  static constexpr bool kMin = false;
  template <typename W>
  SYN_INLINE static V d(const W& w, size_t at) { return halves(w, at + 108); }
  template <typename W>
  SYN_INLINE static void parts(const W& w, size_t at, VI* scale, VI*) {
    const VI low[] = {load_words(w, at + 96), load_words(w, at + 100)}, high = load_words(w, at + 104);
    SYN_UNROLL(kUnroll)
    for (int k = 0; k < 4; ++k) {  // scales 4 k .. 4 k + 3
      const VI four = ((low[k % 2] >> (4 * (k / 2))) & bytes(15)) | (((high >> (2 * k)) & bytes(3)) << 4);
      SYN_UNROLL(kUnroll)
      for (int i = 0; i < 4; ++i) scale[4 * k + i] = byte_of(four, i) - VI(32);
    }
  }
  template <typename W, typename F>
  SYN_INLINE static void each(const W& w, size_t at, F&& f) {
    VI third[8];
    load_rows(third, w, at), load_rows(third + 4, w, at + 16);
    SYN_UNROLL(kUnroll)
    for (int half = 0; half < 2; ++half)
      each_pairs(w, at + 32 + size_t(32 * half), [&](int s, int g, VI u) {
        const int block = 4 * half + s;
        f(block, g, u | (((third[g] >> block) & bytes(1)) << 2));
      });
  }
};
