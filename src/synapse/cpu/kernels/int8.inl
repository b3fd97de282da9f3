// INT8: 32 weights in 36 bytes, f32 d, the same in a whole row, then 32 int8; weight = d * q. Ours: made of an I8 tensor and its
// scales when a file is opened (docs/formats.md).

void dequantize_int8(float* y, const void* blocks, size_t n) {
  const uint8_t* in = (const uint8_t*)blocks;
  for (size_t at = 0; at < n; at += 32, in += 36) {
    float d;
    __builtin_memcpy(&d, in, 4);
    for (size_t i = 0; i < 32; ++i) y[at + i] = d * float(int8_t(in[4 + i]));
  }
}

struct Int8 {
  static constexpr DType kType = DType::int8;
  static constexpr int kBlocks = 1, kParts = 0, kOffset = kSigned;
  static constexpr bool kMin = false;
  template <typename W>
  SYN_INLINE static V d(const W& w, size_t at) { return as_float(load_words(w, at)); }
  template <typename W, typename F>
  SYN_INLINE static void each(const W& w, size_t at, F&& f) {
    each_bytes(w, at + 4, f);
  }
};

// A row, all of whose blocks get its scale: n is the row's length.
void quantize_int8(void* blocks, const float* x, size_t n) {
  const float d = __builtin_fabsf(first_extreme(x, n)) / 127.0f, inverse = inverse_of(d);
  uint8_t* out = (uint8_t*)blocks;
  for (size_t at = 0; at < n; at += 32, out += 36) {
    __builtin_memcpy(out, &d, 4);
    for (size_t i = 0; i < 32; ++i) out[4 + i] = uint8_t(nearest_int8(x[at + i] * inverse));
  }
}
