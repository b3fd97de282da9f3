// Q4_0: 32 weights in 18 bytes, f16 d then 16 bytes; byte i holds weight i below and i + 16 above;
// weight = d * (nibble - 8).

void quantize_q4_0(void* blocks, const float* x, size_t n) {
  uint8_t *out = (uint8_t*)blocks, q[32];
  for (size_t at = 0; at < n; at += 32, out += 18) {
    const float d = first_extreme(x + at, 32) / -8.0f, inverse = inverse_of(d);
    put_half(out, d);
    for (size_t i = 0; i < 32; ++i) q[i] = level(x[at + i] * inverse + 8.5f, 15);
    put_nibbles(out + 2, q);
  }
}

void dequantize_q4_0(float* y, const void* blocks, size_t n) {
  const uint8_t* in = (const uint8_t*)blocks;
  for (size_t at = 0; at < n; at += 32, in += 18) {
    const V d(half_at(in));
    const VI q = load_i8(in + 2);
    (d * to_float((q & VI(15)) - VI(8))).store(y + at);
    (d * to_float(((q >> 4) & VI(15)) - VI(8))).store(y + at + 16);
  }
}

struct Q4_0 {
  static constexpr DType kType = DType::q4_0;
  static constexpr int kBlocks = 1, kParts = 0, kOffset = 8;
  static constexpr bool kMin = false;
  template <typename W>
  SYN_INLINE static V d(const W& w, size_t at) { return halves(w, at); }
  template <typename W, typename F>
  SYN_INLINE static void each(const W& w, size_t at, F&& f) {
    each_nibbles(w, at + 2, [&](int g, VI u) { f(0, g, u); });
  }
};
