// IQ4_XS: 256 weights in 136 bytes: f16 d, 16 bits that are the high two of eight 6-bit scales, 4 bytes of their low nibbles,
// 128 bytes of nibbles, 16 to a block of 32 as IQ4_NL's. weight = (d * (scale - 32)) * kIq4Values[nibble].

void dequantize_iq4_xs(float* y, const void* blocks, size_t n) {
  const uint8_t* in = (const uint8_t*)blocks;
  for (size_t at = 0; at < n; at += 256, in += 136) {
    const float d = half_at(in);
    const int32_t high = in[2] | in[3] << 8;
    for (size_t j = 0; j < 8; ++j) {
      const int32_t s = (in[4 + j / 2] >> (4 * (j % 2)) & 15) | (high >> (2 * j) & 3) << 4;
      const float scale = d * float(s - 32);
      const uint8_t* q = in + 8 + 16 * j;
      for (size_t i = 0; i < 16; ++i) {
        y[at + 32 * j + i] = scale * float(kIq4Values[q[i] & 15]);
        y[at + 32 * j + 16 + i] = scale * float(kIq4Values[q[i] >> 4]);
      }
    }
  }
}

void unpack_iq4_xs(Tile* tile, const uint8_t* const rows[kTileRows], int32_t first_block, int32_t n_blocks,
                   const uint8_t* ahead) {
  const size_t first = size_t(first_block / 8) * 136;
  for (int32_t b = 0; b < n_blocks; b += 8) {
    const size_t at = first + size_t(b / 8) * 136;
    prefetch<136 * kTileRows>(ahead + b / 8 * (136 * kTileRows));
    const VI head = load_words(rows, at), low = load_words(rows, at + 4);
    low_halves(head).store(tile->d[b / 8]);
    for (int j = 0; j < 8; ++j) {
      const VI scale = ((low >> (4 * j)) & VI(15)) | (((head >> (16 + 2 * j)) & VI(3)) << 4);
      ((scale - VI(32)) & VI(0xFFFF)).store(tile->sub[b + j][0]);
      each_nibbles(rows, at + 8 + size_t(16 * j),
                   [&](int g, VI u) { look_up(kIq4Values, u).store(tile->q[b + j][g]); });
    }
  }
}
