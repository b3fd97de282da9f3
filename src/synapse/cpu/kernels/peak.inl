// What the arithmetic units do at most: products whose sums stay in registers, of weights and activations in L1. For measuring.

// Both return how many multiply-adds they did.
int64_t peak_bytes(int64_t n_rounds, float* sink) {
  constexpr int kSums = 2 * kDotRows;
  alignas(64) int8_t w[kBlock * kTileRows] = {}, x[kBlock] = {};
  VI sums[kSums];
  for (VI& sum : sums) sum = VI(0);
  for (int64_t i = 0; i < n_rounds; ++i) {
    __asm__ volatile("" : : "r"(w), "r"(x) : "memory");  // no round is known to be as the one before
    const DotX in = dot_x(x);
    for (int g = 0; g < kBlock / 4; ++g) {
      const auto weights = dot_w<false>(w + 4 * kTileRows * g);
      for (VI& sum : sums) sum = dot4<false>(sum, weights, in, g);
    }
  }
  for (const VI& sum : sums) *sink += float(largest(sum));
  return n_rounds * kSums * kBlock * kTileRows;
}

int64_t peak_floats(int64_t n_rounds, float* sink) {
  constexpr int kSums = kLinearRows * kLinearColumns;
  float w[16] = {};
  V sums[kSums];
  for (V& sum : sums) sum = V(0.0f);
  for (int64_t i = 0; i < n_rounds; ++i) {
    __asm__ volatile("" : : "r"(w) : "memory");
    const V weights = V::load(w);
    for (V& sum : sums) sum = fma(weights, weights, sum);
  }
  for (const V& sum : sums) *sink += largest(sum);
  return n_rounds * kSums * 16;
}
