// Q8_0: 32 weights in 34 bytes, f16 d then 32 int8; weight = d * q.

void quantize_q8_0(void* blocks, const float* x, size_t n) {
  uint8_t* out = (uint8_t*)blocks;
  for (size_t at = 0; at < n; at += 32, out += 34) {
    const float d = __builtin_fabsf(first_extreme(x + at, 32)) / 127.0f, inverse = inverse_of(d);
    put_half(out, d);
    for (size_t i = 0; i < 32; ++i) out[2 + i] = uint8_t(nearest_int8(x[at + i] * inverse));
  }
}

void dequantize_q8_0(float* y, const void* blocks, size_t n) {
  const uint8_t* in = (const uint8_t*)blocks;
  for (size_t at = 0; at < n; at += 32, in += 34) {
    const V d(half_at(in));
    for (size_t i = 0; i < 32; i += 16) (d * to_float(load_i8(in + 2 + i))).store(y + at + i);
  }
}

void unpack_q8_0(Tile* tile, const uint8_t* const rows[kTileRows], int32_t first_block, int32_t n_blocks,
                 const uint8_t* ahead) {
  for (int32_t b = 0; b < n_blocks; ++b) {
    prefetch<34 * kTileRows>(ahead + b * (34 * kTileRows));
    const size_t at = size_t(first_block + b) * 34;
    for (int half = 0; half < 2; ++half) {
      VI q[4];
      load_rows(q, rows, at + 2 + size_t(16 * half));
      for (int g = 0; g < 4; ++g) q[g].store(tile->q[b][4 * half + g]);
    }
  }
  unpack_scales(tile->d, rows, size_t(first_block) * 34, 34, n_blocks);
}
