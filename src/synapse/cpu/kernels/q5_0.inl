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
template <typename F>
SYN_INLINE void each_fives(const uint8_t* const rows[kTileRows], size_t at, F&& f) {
  const VI high = load_words(rows, at);
  each_nibbles(rows, at + 4, [&](int g, VI u) { f(g, u | fifth_bits(high, g)); });
}

void unpack_q5_0(Tile* tile, const uint8_t* const rows[kTileRows], int32_t first_block, int32_t n_blocks,
                 const uint8_t* ahead) {
  for (int32_t b = 0; b < n_blocks; ++b) {
    prefetch<22 * kTileRows>(ahead + b * (22 * kTileRows));
    each_fives(rows, size_t(first_block + b) * 22 + 2, [&](int g, VI u) { less<16>(u).store(tile->q[b][g]); });
  }
  unpack_scales(tile->d, rows, size_t(first_block) * 22, 22, n_blocks);
}
