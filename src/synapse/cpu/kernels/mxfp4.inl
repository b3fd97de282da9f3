// MXFP4: 32 weights in 17 bytes: an exponent e, then nibbles as Q4_0's that are E2M1 numbers; weight = 2^(e - 128) * value, the
// values being doubled so that they are integers (OCP microscaling formats 1.0).

alignas(16) constexpr int8_t kE2m1Values[16] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};

SYN_INLINE float e8m0(uint8_t e) {
  const uint32_t bits = e < 2 ? 0x00200000u << e : uint32_t(e - 1) << 23;
  return __builtin_bit_cast(float, bits);
}

void quantize_mxfp4(void* blocks, const float* x, size_t n) {
  uint8_t* out = (uint8_t*)blocks;
  for (size_t at = 0; at < n; at += 32, out += 17) {
    const float amax = __builtin_fabsf(first_extreme(x + at, 32));
    const int32_t exponent = int32_t(__builtin_bit_cast(uint32_t, amax) >> 23) - 2;
    const uint8_t e = uint8_t(exponent < 0 ? 0 : exponent > 254 ? 254 : exponent);
    const float d = e8m0(e);
    const auto nearest = [&](float w) {
      uint8_t best = 0;
      float least = __builtin_fabsf(d * float(kE2m1Values[0]) - w);
      for (uint8_t k = 1; k < 16; ++k) {
        const float error = __builtin_fabsf(d * float(kE2m1Values[k]) - w);
        if (error < least) least = error, best = k;
      }
      return best;
    };
    out[0] = e;
    for (size_t i = 0; i < 16; ++i) out[1 + i] = uint8_t(nearest(x[at + i]) | nearest(x[at + 16 + i]) << 4);
  }
}

void dequantize_mxfp4(float* y, const void* blocks, size_t n) {
  const uint8_t* in = (const uint8_t*)blocks;
  for (size_t at = 0; at < n; at += 32, in += 17) {
    const float d = e8m0(in[0]);
    for (size_t i = 0; i < 16; ++i) {
      y[at + i] = d * float(kE2m1Values[in[1 + i] & 15]);
      y[at + 16 + i] = d * float(kE2m1Values[in[1 + i] >> 4]);
    }
  }
}

struct Mxfp4 {
  static constexpr DType kType = DType::mxfp4;
  static constexpr int kBlocks = 1, kParts = 0, kOffset = kSigned;
  static constexpr bool kMin = false;
  template <typename W>
  SYN_INLINE static V d(const W& w, size_t at) {
    float lanes[kTileRows];
    SYN_UNROLL(kUnroll)
    for (int r = 0; r < kTileRows; ++r) lanes[r] = e8m0(w.byte(r, at));
    return V::load(lanes);
  }
  template <typename W, typename F>
  SYN_INLINE static void each(const W& w, size_t at, F&& f) {
    each_nibbles(w, at + 1, [&](int g, VI u) { f(0, g, look_up(kE2m1Values, u)); });
  }
};
