// Q6_K: 256 weights in 210 bytes: 128 bytes of nibbles, 64 bytes of two high bits, 16 int8 scales of 16 weights each, f16 d.
// Of half h, 64 nibble bytes and 32 high bytes: block s of its four has the nibbles of bytes 32 (s % 2) + l, low ones for
// s < 2, and bits 2s, 2s+1 of high byte l. weight = (d * scale) * (q - 32).

void dequantize_q6_k(float* y, const void* blocks, size_t n) {
  const uint8_t* in = (const uint8_t*)blocks;
  for (size_t at = 0; at < n; at += 256, in += 210) {
    const float d = half_at(in + 208);
    for (size_t i = 0; i < 256; ++i) {
      const size_t half = i / 128, s = i / 32 % 4, l = i % 32;
      const int32_t low = in[64 * half + 32 * (s % 2) + l] >> (4 * (s / 2)) & 15, high = two_bits(in + 128, i);
      const float scale = d * float(int8_t(in[192 + i / 16]));
      y[at + i] = scale * float((low | high << 4) - 32);
    }
  }
}

void unpack_q6_k(Tile* tile, const uint8_t* const rows[kTileRows], int32_t first_block, int32_t n_blocks,
                 const uint8_t* ahead) {
  const size_t first = size_t(first_block / 8) * 210;
  for (int32_t b = 0; b < n_blocks; b += 8) {
    const size_t at = first + size_t(b / 8) * 210;
    prefetch<210 * kTileRows>(ahead + b / 8 * (210 * kTileRows));
    VI subs[4];
    load_rows(subs, rows, at + 192);
    for (int j = 0; j < 16; ++j)  // the sign matters in the low 16 bits only
      (((subs[j / 4] << (24 - 8 * (j % 4))) >> 24) & VI(0xFFFF)).store(tile->sub[b + j / 2][j % 2]);
    for (int half = 0; half < 2; ++half)
      for (int part = 0; part < 2; ++part) {  // 16 of the 32 bytes
        VI high[4];
        load_rows(high, rows, at + 128 + size_t(32 * half + 16 * part));
        for (int i = 0; i < 2; ++i) {
          VI low[4];
          load_rows(low, rows, at + size_t(64 * half + 32 * i + 16 * part));
          for (int g = 0; g < 4; ++g) {
            const VI two = (high[g] >> (2 * i)) & bytes(3), next = (high[g] >> (2 * i + 4)) & bytes(3);
            less<32>((low[g] & bytes(15)) | (two << 4)).store(tile->q[b + 4 * half + i][4 * part + g]);
            less<32>(((low[g] >> 4) & bytes(15)) | (next << 4)).store(tile->q[b + 4 * half + i + 2][4 * part + g]);
          }
        }
      }
  }
  unpack_scales(tile->d, rows, first + 208, 210, n_blocks / 8);
}
