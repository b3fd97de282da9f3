// What the arithmetic units do at most: products whose sums stay in registers (hence the unrolling), of operands in L1. For
// measuring.

// Both return how many multiply-adds they did.
int64_t peak_bytes(int64_t n_rounds, float* sink) {
  constexpr int kRows = kDotRows;  // each with two sums, as in a product of two tiles
  alignas(64) int8_t w[2 * kBlock * kTileRows] = {}, x[kRows][kBlock] = {};
  VI sums[2 * kRows];
  SYN_UNROLL(32)
  for (VI& sum : sums) sum = VI(0);
  for (int64_t i = 0; i < n_rounds; ++i) {
    __asm__ volatile("" : : "r"(w), "r"(x) : "memory");  // no round is known to be as the one before
    DotX in[kRows];
    SYN_UNROLL(32)
    for (int r = 0; r < kRows; ++r) in[r] = dot_x(x[r]);
    SYN_UNROLL(32)
    for (int g = 0; g < kBlock / 4; ++g) {
      const auto w0 = dot_w<false>(w + 8 * kTileRows * g), w1 = dot_w<false>(w + 8 * kTileRows * g + 4 * kTileRows);
      SYN_UNROLL(32)
      for (int r = 0; r < kRows; ++r) {
        sums[2 * r] = dot4<false>(sums[2 * r], w0, in[r], g);
        sums[2 * r + 1] = dot4<false>(sums[2 * r + 1], w1, in[r], g);
      }
    }
  }
  SYN_UNROLL(32)
  for (const VI& sum : sums) *sink += float(largest(sum));
  return n_rounds * 2 * kRows * kBlock * kTileRows;
}

int64_t peak_floats(int64_t n_rounds, float* sink) {
  constexpr int kSums = kLinearRows * kLinearColumns;
  float w[16] = {};
  V sums[kSums];
  SYN_UNROLL(32)
  for (int i = 0; i < kSums; ++i) sums[i] = V(float(i));
  for (int64_t i = 0; i < n_rounds; ++i) {
    __asm__ volatile("" : : "r"(w) : "memory");
    const V weights = V::load(w);
    SYN_UNROLL(32)
    for (V& sum : sums) sum = fma(sum, weights, weights);
  }
  SYN_UNROLL(32)
  for (const V& sum : sums) *sink += largest(sum);
  return n_rounds * kSums * 16;
}

// The sum of the words of n bytes, a multiple of 512, read as two sequences side by side.
int32_t peak_read(const uint8_t* bytes, size_t n) {
  constexpr size_t kStreams = 2, kAhead = 2048;
  VI sums[kStreams] = {VI(0), VI(0)};
  for (size_t at = 0; at < n / kStreams; at += 256)
    for (size_t s = 0; s < kStreams; ++s) {
      const uint8_t* const from = bytes + s * (n / kStreams) + at;
      SYN_UNROLL(4)
      for (size_t line = 0; line < 256; line += 64) {
        __builtin_prefetch(from + line + kAhead, 0, 3);
        sums[s] = sums[s] + VI::load(from + line);
      }
    }
  return largest(sums[0] + sums[1]);
}
