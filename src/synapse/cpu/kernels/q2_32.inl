// Q2_32 and Q2_64: 32 or 64 weights in 10 or 18 bytes, f16 d, then two bits each: bits 2s, 2s+1 of byte l are weight
// 8 s + l, or 16 s + l; weight = d * (2 q - 3), so d times -3, -1, 1 or 3. Ours: made of an I8 tensor and its scales when a file is
// opened (docs/formats.md).

template <size_t kWeights>
void dequantize_two_bits(float* y, const void* blocks, size_t n) {
  const uint8_t* in = (const uint8_t*)blocks;
  for (size_t at = 0; at < n; at += kWeights, in += 2 + kWeights / 4) {
    const float d = half_at(in);
    for (size_t i = 0; i < kWeights; ++i) {
      const int32_t q = in[2 + i % (kWeights / 4)] >> (2 * (i / (kWeights / 4))) & 3;
      y[at + i] = d * float(2 * q - 3);
    }
  }
}

void unpack_q2_32(Tile* tile, const uint8_t* const rows[kTileRows], int32_t first_block, int32_t n_blocks,
                  const uint8_t* ahead) {
  for (int32_t b = 0; b < n_blocks; ++b) {
    prefetch<10 * kTileRows>(ahead + b * (10 * kTileRows));
    for (int g = 0; g < 2; ++g) {
      const VI q = load_words(rows, size_t(first_block + b) * 10 + 2 + size_t(4 * g));
      for (int s = 0; s < 4; ++s) less<3>(((q >> (2 * s)) & bytes(3)) << 1).store(tile->q[b][2 * s + g]);
    }
  }
  unpack_scales(tile->d, rows, size_t(first_block) * 10, 10, n_blocks);
}

void unpack_q2_64(Tile* tile, const uint8_t* const rows[kTileRows], int32_t first_block, int32_t n_blocks,
                  const uint8_t* ahead) {
  const size_t first = size_t(first_block / 2) * 18;
  for (int32_t b = 0; b < n_blocks; b += 2) {
    prefetch<18 * kTileRows>(ahead + b / 2 * (18 * kTileRows));
    VI q[4];
    load_rows(q, rows, first + size_t(b / 2 * 18) + 2);
    for (int g = 0; g < 4; ++g)
      for (int s = 0; s < 4; ++s)
        less<3>(((q[g] >> (2 * s)) & bytes(3)) << 1).store(tile->q[b + s / 2][s % 2 * 4 + g]);
  }
  unpack_scales(tile->d, rows, first, 18, n_blocks / 2);
}
