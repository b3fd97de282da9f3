// Q4_0: 32 weights in 18 bytes, f16 d then 16 bytes; byte i holds weight i below and i + 16 above;
// weight = d * (nibble - 8).

void quantize_q4_0(void* blocks, const float* x, size_t n) {
  uint8_t *out = (uint8_t*)blocks, q[32];
  for (size_t at = 0; at < n; at += 32, out += 18) {
    const float d = first_extreme(x + at, 32) / -8.0f, inverse = inverse_of(d);
    put_half(out, d);
    for (size_t i = 0; i < 32; ++i) q[i] = level(x[at + i] * inverse + 8.5f, 15);
    put_nibbles(out + 2, q);
  }
}

void dequantize_q4_0(float* y, const void* blocks, size_t n) {
  const uint8_t* in = (const uint8_t*)blocks;
  for (size_t at = 0; at < n; at += 32, in += 18) {
    const V d(half_at(in));
    const VI q = load_i8(in + 2);
    (d * to_float((q & VI(15)) - VI(8))).store(y + at);
    (d * to_float(((q >> 4) & VI(15)) - VI(8))).store(y + at + 16);
  }
}

void unpack_q4_0(Tile* tile, const uint8_t* const rows[kTileRows], int32_t first_block, int32_t n_blocks,
                 const uint8_t* ahead) {
  for (int32_t b = 0; b < n_blocks; ++b) {
    prefetch<18 * kTileRows>(ahead + b * (18 * kTileRows));
    each_nibbles(rows, size_t(first_block + b) * 18 + 2, [&](int g, VI u) { less<8>(u).store(tile->q[b][g]); });
  }
  unpack_scales(tile->d, rows, size_t(first_block) * 18, 18, n_blocks);
}
