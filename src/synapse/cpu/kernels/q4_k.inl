// Q4_K: 256 weights in 144 bytes: f16 d, f16 dmin, 12 bytes of eight 6-bit scales and minima, 128 bytes of nibbles, of which
// 32 hold two blocks of 32 weights: the low ones the first. weight = (d * scale) * q - (dmin * minimum).

// The 12 bytes: scales 0 .. 3 and minima 0 .. 3 in the low six bits of bytes 0 .. 7; the other four of each have their
// low four bits in bytes 8 .. 11, scales below, and their high two bits in bytes 0 .. 7's top.
struct SixBits {
  int32_t scale, minimum;
};
SYN_INLINE SixBits six_bits(const uint8_t* s, size_t j) {
  if (j < 4) return {s[j] & 63, s[j + 4] & 63};
  return {(s[j + 4] & 15) | s[j - 4] >> 6 << 4, s[j + 4] >> 4 | s[j] >> 6 << 4};
}

// The same of 16 rows, into the first part of 8 blocks.
SYN_INLINE void unpack_six_bits(int32_t sub[][2][kTileRows], VI s, VI m, VI high) {
  const VI scales[] = {s & bytes(63), (high & bytes(15)) | ((s >> 2) & bytes(48))};
  const VI minima[] = {m & bytes(63), ((high >> 4) & bytes(15)) | ((m >> 2) & bytes(48))};
  for (int j = 0; j < 8; ++j) (byte_of(scales[j / 4], j % 4) | (byte_of(minima[j / 4], j % 4) << 16)).store(sub[j][0]);
}

void dequantize_q4_k(float* y, const void* blocks, size_t n) {
  const uint8_t* in = (const uint8_t*)blocks;
  for (size_t at = 0; at < n; at += 256, in += 144) {
    const float d = half_at(in), dmin = half_at(in + 2);
    for (size_t j = 0; j < 8; ++j) {
      const SixBits s = six_bits(in + 4, j);
      const float scale = d * float(s.scale), minimum = dmin * float(s.minimum);
      const uint8_t* q = in + 16 + 32 * (j / 2);
      for (size_t i = 0; i < 32; ++i) y[at + 32 * j + i] = scale * float(q[i] >> (4 * (j % 2)) & 15) - minimum;
    }
  }
}

void unpack_q4_k(Tile* tile, const uint8_t* const rows[kTileRows], int32_t first_block, int32_t n_blocks,
                 const uint8_t* ahead) {
  const size_t first = size_t(first_block / 8) * 144;
  for (int32_t b = 0; b < n_blocks; b += 8) {
    const size_t at = first + size_t(b / 8) * 144;
    prefetch<144 * kTileRows>(ahead + b / 8 * (144 * kTileRows));
    VI head[4];
    load_rows(head, rows, at);
    low_halves(head[0]).store(tile->d[b / 8]), low_halves(head[0] >> 16).store(tile->m[b / 8]);
    unpack_six_bits(tile->sub + b, head[1], head[2], head[3]);
    for (int two = 0; two < 4; ++two)
      each_nibbles_of_two(rows, at + 16 + size_t(32 * two),
                          [&](int i, int g, VI u) { u.store(tile->q[b + 2 * two + i][g]); });
  }
}
