// Q5_1: 32 weights in 24 bytes, f16 d, f16 m, then fifth bits and nibbles as Q5_0's; weight = d * q + m.

void quantize_q5_1(void* blocks, const float* x, size_t n) {
  uint8_t *out = (uint8_t*)blocks, q[32];
  for (size_t at = 0; at < n; at += 32, out += 24) {
    const Range range = range_of(x + at, 32);
    const float d = (range.most - range.least) / 31.0f, inverse = inverse_of(d);
    put_half(out, d), put_half(out + 2, range.least);
    for (size_t i = 0; i < 32; ++i) q[i] = level((x[at + i] - range.least) * inverse + 0.5f, 31);
    put_fives(out + 4, q);
  }
}

void dequantize_q5_1(float* y, const void* blocks, size_t n) {
  const uint8_t* in = (const uint8_t*)blocks;
  for (size_t at = 0; at < n; at += 32, in += 24) {
    const float d = half_at(in), m = half_at(in + 2);
    for (size_t i = 0; i < 32; ++i) y[at + i] = d * float(five_at(in + 4, i)) + m;
  }
}

void unpack_q5_1(Tile* tile, const uint8_t* const rows[kTileRows], int32_t first_block, int32_t n_blocks,
                 const uint8_t* ahead) {
  for (int32_t b = 0; b < n_blocks; ++b) {
    prefetch<24 * kTileRows>(ahead + b * (24 * kTileRows));
    each_fives(rows, size_t(first_block + b) * 24 + 4, [&](int g, VI u) { u.store(tile->q[b][g]); });
  }
  unpack_scales(tile->d, rows, size_t(first_block) * 24, 24, n_blocks);
  unpack_scales(tile->m, rows, size_t(first_block) * 24 + 2, 24, n_blocks);
}
