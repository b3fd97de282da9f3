// IQ4_NL: 32 weights in 18 bytes, f16 d then nibbles as Q4_0's; weight = d * kIq4Values[nibble].

void dequantize_iq4_nl(float* y, const void* blocks, size_t n) {
  const uint8_t* in = (const uint8_t*)blocks;
  for (size_t at = 0; at < n; at += 32, in += 18) {
    const float d = half_at(in);
    for (size_t i = 0; i < 16; ++i) {
      y[at + i] = d * float(kIq4Values[in[2 + i] & 15]);
      y[at + 16 + i] = d * float(kIq4Values[in[2 + i] >> 4]);
    }
  }
}

void unpack_iq4_nl(Tile* tile, const uint8_t* const rows[kTileRows], int32_t first_block, int32_t n_blocks,
                   const uint8_t* ahead) {
  for (int32_t b = 0; b < n_blocks; ++b) {
    prefetch<18 * kTileRows>(ahead + b * (18 * kTileRows));
    each_nibbles(rows, size_t(first_block + b) * 18 + 2,
                 [&](int g, VI u) { look_up(kIq4Values, u).store(tile->q[b][g]); });
  }
  unpack_scales(tile->d, rows, size_t(first_block) * 18, 18, n_blocks);
}
