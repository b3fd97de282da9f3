// Q8_0: 32 weights in 34 bytes, f16 d then 32 int8; weight = d * q.

void quantize_q8_0(void* blocks, const float* x, size_t n) {
  uint8_t* out = (uint8_t*)blocks;
  for (size_t at = 0; at < n; at += 32, out += 34) {
    const float d = __builtin_fabsf(first_extreme(x + at, 32)) / 127.0f, inverse = inverse_of(d);
    put_half(out, d);
    for (size_t i = 0; i < 32; ++i) out[2 + i] = uint8_t(nearest_int8(x[at + i] * inverse));
  }
}

void dequantize_q8_0(float* y, const void* blocks, size_t n) {
  const uint8_t* in = (const uint8_t*)blocks;
  for (size_t at = 0; at < n; at += 32, in += 34) {
    const V d(half_at(in));
    for (size_t i = 0; i < 32; i += 16) (d * to_float(load_i8(in + 2 + i))).store(y + at + i);
  }
}

struct Q8_0 {
  static constexpr DType kType = DType::q8_0;
  static constexpr int kBlocks = 1, kParts = 0, kOffset = kSigned;
  static constexpr bool kMin = false;
  template <typename W>
  SYN_INLINE static V d(const W& w, size_t at) { return halves(w, at); }
  template <typename W, typename F>
  SYN_INLINE static void each(const W& w, size_t at, F&& f) {
    each_bytes(w, at + 2, f);
  }
};
