// IQ4_NL: 32 weights in 18 bytes, f16 d then nibbles as Q4_0's; weight = d * kIq4Values[nibble].

void dequantize_iq4_nl(float* y, const void* blocks, size_t n) {
  const uint8_t* in = (const uint8_t*)blocks;
  for (size_t at = 0; at < n; at += 32, in += 18) {
    const float d = half_at(in);
    for (size_t i = 0; i < 16; ++i) {
      y[at + i] = d * float(kIq4Values[in[2 + i] & 15]);
      y[at + 16 + i] = d * float(kIq4Values[in[2 + i] >> 4]);
    }
  }
}

struct Iq4Nl {
  static constexpr DType kType = DType::iq4_nl;
  static constexpr int kBlocks = 1, kParts = 0, kOffset = kSigned;
  static constexpr bool kMin = false;
  template <typename W>
  SYN_INLINE static V d(const W& w, size_t at) { return halves(w, at); }
  template <typename W, typename F>
  SYN_INLINE static void each(const W& w, size_t at, F&& f) {
    each_nibbles(w, at + 2, [&](int g, VI u) { f(0, g, look_up(kIq4Values, u)); });
  }
};
