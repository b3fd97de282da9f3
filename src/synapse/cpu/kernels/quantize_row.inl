// Activations to int8: d = amax / 127, q = round_half_even(x * (127 / amax)). The largest magnitude is that
// of the bit patterns, so a NaN or an infinity is found too: such a group has q = 0 and d = NaN.

void quantize_row(int8_t* q, float* d, int32_t* sums16, const float* x, size_t n, size_t group) {
  for (size_t at = 0; at < n; at += group) {
    VI bits(0);
    for (size_t i = at; i < at + group; i += 16) {
      const VI magnitude = as_int(V::load(x + i)) & VI(0x7FFFFFFF);
      bits = select(bits < magnitude, magnitude, bits);
    }
    const int32_t top = largest(bits);
    const float amax = __builtin_bit_cast(float, top);
    const bool faulty = top >= 0x7F800000, zero = faulty || amax < 0x1p-100f;
    const V inverse(zero ? 0.0f : 127.0f / amax);
    d[at / group] = faulty ? __builtin_nanf("") : zero ? 0.0f : amax / 127.0f;
    for (size_t i = at; i < at + group; i += kSumElements) {
      const VI rounded = zero ? VI(0) : round_to_int(V::load(x + i) * inverse);
      store_low8(q + i, rounded);
      int32_t lanes[16], s = 0;
      rounded.store(lanes);
      for (int32_t lane : lanes) s += lane;
      sums16[i / kSumElements] = s;
    }
  }
}
