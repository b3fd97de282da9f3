// Q3_K: 256 weights in 110 bytes: 32 bytes of third bits (bit b of byte l: weight 32 b + l), 64 bytes of two bits as Q2_K's,
// 12 bytes of sixteen 6-bit scales (scale j: low four bits in nibble j / 8 of byte j % 8, high two in bits 2 (j / 4) of byte
// 8 + j % 4), f16 d. weight = (d * (scale - 32)) * (q - 4).

void dequantize_q3_k(float* y, const void* blocks, size_t n) {
  const uint8_t* in = (const uint8_t*)blocks;
  for (size_t at = 0; at < n; at += 256, in += 110) {
    const float d = half_at(in + 108);
    const uint8_t* s = in + 96;
    for (size_t j = 0; j < 16; ++j) {
      const int32_t low = s[j % 8] >> (4 * (j / 8)) & 15, high = s[8 + j % 4] >> (2 * (j / 4)) & 3;
      const float scale = d * float((low | high << 4) - 32);
      for (size_t i = 16 * j; i < 16 * j + 16; ++i) {
        const int32_t third = in[i % 32] >> (i / 32) & 1;
        y[at + i] = scale * float((two_bits(in + 32, i) | third << 2) - 4);
      }
    }
  }
}

void unpack_q3_k(Tile* tile, const uint8_t* const rows[kTileRows], int32_t first_block, int32_t n_blocks,
                 const uint8_t* ahead) {
  const size_t first = size_t(first_block / 8) * 110;
  for (int32_t b = 0; b < n_blocks; b += 8) {
    const size_t at = first + size_t(b / 8) * 110;
    prefetch<110 * kTileRows>(ahead + b / 8 * (110 * kTileRows));
    const VI low[] = {load_words(rows, at + 96), load_words(rows, at + 100)}, high = load_words(rows, at + 104);
    for (int k = 0; k < 4; ++k) {  // scales 4 k .. 4 k + 3
      const VI scales = ((low[k % 2] >> (4 * (k / 2))) & bytes(15)) | (((high >> (2 * k)) & bytes(3)) << 4);
      for (int i = 0; i < 4; ++i) {
        const int j = 4 * k + i;
        ((byte_of(scales, i) - VI(32)) & VI(0xFFFF)).store(tile->sub[b + j / 2][j % 2]);
      }
    }
    VI third[8];
    load_rows(third, rows, at), load_rows(third + 4, rows, at + 16);
    for (int half = 0; half < 2; ++half)
      each_pairs(rows, at + 32 + size_t(32 * half), [&](int s, int g, VI u) {
        const int block = 4 * half + s;
        less<4>(u | (((third[g] >> block) & bytes(1)) << 2)).store(tile->q[b + block][g]);
      });
  }
  unpack_scales(tile->d, rows, first + 108, 110, n_blocks / 8);
}
