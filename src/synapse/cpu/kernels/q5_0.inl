// Q5_0: 32 weights in 22 bytes, f16 d, 32 bits that are the weights' fifth bits, then nibbles as Q4_0's;
// weight = d * (q - 16).

void quantize_q5_0(void* blocks, const float* x, size_t n) {
  uint8_t *out = (uint8_t*)blocks, q[32];
  for (size_t at = 0; at < n; at += 32, out += 22) {
    const float d = first_extreme(x + at, 32) / -16.0f, inverse = inverse_of(d);
    put_half(out, d);
    for (size_t i = 0; i < 32; ++i) q[i] = level(x[at + i] * inverse + 16.5f, 31);
    put_fives(out + 2, q);
  }
}

void dequantize_q5_0(float* y, const void* blocks, size_t n) {
  const uint8_t* in = (const uint8_t*)blocks;
  for (size_t at = 0; at < n; at += 32, in += 22) {
    const float d = half_at(in);
    for (size_t i = 0; i < 32; ++i) y[at + i] = d * float(five_at(in + 2, i) - 16);
  }
}

// f(g, numbers below 32) for a block whose fifth bits lie at `at`.
template <typename W, typename F>
SYN_INLINE void each_fives(const W& w, size_t at, F&& f) {
  const VI high = load_words(w, at);
  each_nibbles(w, at + 4, [&](int g, VI u) { f(g, u | fifth_bits(high, g)); });
}

struct Q5_0 {
  static constexpr DType kType = DType::q5_0;
  static constexpr int kBlocks = 1, kParts = 0, kOffset = 16;
  static constexpr bool kMin = false;
  template <typename W>
  SYN_INLINE static V d(const W& w, size_t at) { return halves(w, at); }
  template <typename W, typename F>
  SYN_INLINE static void each(const W& w, size_t at, F&& f) {
    each_fives(w, at + 2, [&](int g, VI u) { f(0, g, u); });
  }
};
