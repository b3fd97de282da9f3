// Q2_K: 256 weights in 84 bytes: 16 bytes that each hold the scale (low nibble) and the minimum (high nibble) of 16
// weights, 64 bytes of two bits (bits 2s, 2s+1 of byte l of half h: weight 128 h + 32 s + l), f16 d, f16 dmin.
// weight = (d * scale) * q - (dmin * minimum).

void dequantize_q2_k(float* y, const void* blocks, size_t n) {
  const uint8_t* in = (const uint8_t*)blocks;
  for (size_t at = 0; at < n; at += 256, in += 84) {
    const float d = half_at(in + 80), dmin = half_at(in + 82);
    for (size_t i = 0; i < 256; ++i) {
      const float scale = d * float(in[i / 16] & 15), minimum = dmin * float(in[i / 16] >> 4);
      y[at + i] = scale * float(two_bits(in + 16, i)) - minimum;
    }
  }
}

void unpack_q2_k(Tile* tile, const uint8_t* const rows[kTileRows], int32_t first_block, int32_t n_blocks,
                 const uint8_t* ahead) {
  const size_t first = size_t(first_block / 8) * 84;
  for (int32_t b = 0; b < n_blocks; b += 8) {
    const size_t at = first + size_t(b / 8) * 84;
    prefetch<84 * kTileRows>(ahead + b / 8 * (84 * kTileRows));
    VI subs[4];
    load_rows(subs, rows, at);
    for (int j = 0; j < 16; ++j) {
      const VI both = byte_of(subs[j / 4], j % 4);
      ((both & VI(15)) | ((both >> 4) << 16)).store(tile->sub[b + j / 2][j % 2]);
    }
    for (int half = 0; half < 2; ++half)
      each_pairs(rows, at + 16 + size_t(32 * half), [&](int s, int g, VI u) { u.store(tile->q[b + 4 * half + s][g]); });
  }
  unpack_scales(tile->d, rows, first + 80, 84, n_blocks / 8);
  unpack_scales(tile->m, rows, first + 82, 84, n_blocks / 8);
}
