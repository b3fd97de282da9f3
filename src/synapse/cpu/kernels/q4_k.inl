// Q4_K: 256 weights in 144 bytes: f16 d, f16 dmin, 12 bytes of eight 6-bit scales and minima, 128 bytes of nibbles, of which
// 32 hold two blocks of 32 weights: the low ones the first. weight = (d * scale) * q - (dmin * minimum).

// The 12 bytes: scales 0 .. 3 and minima 0 .. 3 in the low six bits of bytes 0 .. 7; the other four of each have their
// low four bits in bytes 8 .. 11, scales below, and their high two bits in bytes 0 .. 7's top.
struct SixBits {
  int32_t scale, minimum;
};
SYN_INLINE SixBits six_bits(const uint8_t* s, size_t j) {
  if (j < 4) return {s[j] & 63, s[j + 4] & 63};
  return {(s[j + 4] & 15) | s[j - 4] >> 6 << 4, s[j + 4] >> 4 | s[j] >> 6 << 4};
}

// The same of 16 rows: eight scales, and the minima as four pairs.
SYN_INLINE void unpack_six_bits(VI* scale, VI* minima, VI s, VI m, VI high) {
  const VI scales[] = {s & bytes(63), (high & bytes(15)) | ((s >> 2) & bytes(48))};
  const VI least[] = {m & bytes(63), ((high >> 4) & bytes(15)) | ((m >> 2) & bytes(48))};
  for (int j = 0; j < 8; ++j) scale[j] = byte_of(scales[j / 4], j % 4);
  for (int j = 0; j < 4; ++j) minima[j] = byte_pair(least[j / 2], j % 2);
}

void dequantize_q4_k(float* y, const void* blocks, size_t n) {
  const uint8_t* in = (const uint8_t*)blocks;
  for (size_t at = 0; at < n; at += 256, in += 144) {
    const float d = half_at(in), dmin = half_at(in + 2);
    for (size_t j = 0; j < 8; ++j) {
      const SixBits s = six_bits(in + 4, j);
      const float scale = d * float(s.scale), minimum = dmin * float(s.minimum);
      const uint8_t* q = in + 16 + 32 * (j / 2);
      for (size_t i = 0; i < 32; ++i) y[at + 32 * j + i] = scale * float(q[i] >> (4 * (j % 2)) & 15) - minimum;
    }
  }
}

struct Q4K {
  static constexpr DType kType = DType::q4_k;
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
    SYN_UNROLL(kUnroll)
    for (int two = 0; two < 4; ++two)
      each_nibbles_of_two(w, at + 16 + size_t(32 * two), [&](int i, int g, VI u) { f(2 * two + i, g, u); });
  }
};
