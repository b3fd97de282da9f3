// Q5_K: 256 weights in 176 bytes: f16 d, f16 dmin, scales and minima as Q4_K's, 32 bytes of fifth bits (bit b of byte l:
// weight 32 b + l), 128 bytes of nibbles as Q4_K's. weight = (d * scale) * q - (dmin * minimum).

void dequantize_q5_k(float* y, const void* blocks, size_t n) {
  const uint8_t* in = (const uint8_t*)blocks;
  for (size_t at = 0; at < n; at += 256, in += 176) {
    const float d = half_at(in), dmin = half_at(in + 2);
    for (size_t j = 0; j < 8; ++j) {
      const SixBits s = six_bits(in + 4, j);
      const float scale = d * float(s.scale), minimum = dmin * float(s.minimum);
      const uint8_t *q = in + 48 + 32 * (j / 2), *high = in + 16;
      for (size_t i = 0; i < 32; ++i) {
        const int32_t five = (q[i] >> (4 * (j % 2)) & 15) | (high[i] >> j & 1) << 4;
        y[at + 32 * j + i] = scale * float(five) - minimum;
      }
    }
  }
}

void unpack_q5_k(Tile* tile, const uint8_t* const rows[kTileRows], int32_t first_block, int32_t n_blocks,
                 const uint8_t* ahead) {
  const size_t first = size_t(first_block / 8) * 176;
  for (int32_t b = 0; b < n_blocks; b += 8) {
    const size_t at = first + size_t(b / 8) * 176;
    prefetch<176 * kTileRows>(ahead + b / 8 * (176 * kTileRows));
    VI head[4], high[8];
    load_rows(head, rows, at), load_rows(high, rows, at + 16), load_rows(high + 4, rows, at + 32);
    low_halves(head[0]).store(tile->d[b / 8]), low_halves(head[0] >> 16).store(tile->m[b / 8]);
    unpack_six_bits(tile->sub + b, head[1], head[2], head[3]);
    for (int two = 0; two < 4; ++two)
      each_nibbles_of_two(rows, at + 48 + size_t(32 * two), [&](int i, int g, VI u) {
        const int block = 2 * two + i;
        (u | (((high[g] >> block) & bytes(1)) << 4)).store(tile->q[b + block][g]);
      });
  }
}
