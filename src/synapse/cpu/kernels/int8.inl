// INT8: 32 weights in 36 bytes, f32 d, the same in a whole row, then 32 int8; weight = d * q. Ours: made of an I8 tensor and its
// scales when a file is opened (docs/formats.md).

void dequantize_int8(float* y, const void* blocks, size_t n) {
  const uint8_t* in = (const uint8_t*)blocks;
  for (size_t at = 0; at < n; at += 32, in += 36) {
    float d;
    __builtin_memcpy(&d, in, 4);
    for (size_t i = 0; i < 32; ++i) y[at + i] = d * float(int8_t(in[4 + i]));
  }
}

void unpack_int8(Tile* tile, const uint8_t* const rows[kTileRows], int32_t first_block, int32_t n_blocks,
                 const uint8_t* ahead) {
  for (int32_t b = 0; b < n_blocks; ++b) {
    prefetch<36 * kTileRows>(ahead + b * (36 * kTileRows));
    const size_t at = size_t(first_block + b) * 36;
    load_words(rows, at).store(tile->d[b]);
    for (int half = 0; half < 2; ++half) {
      VI q[4];
      load_rows(q, rows, at + 4 + size_t(16 * half));
      for (int g = 0; g < 4; ++g) q[g].store(tile->q[b][4 * half + g]);
    }
  }
}

// A row, all of whose blocks get its scale: n is the row's length.
void quantize_int8(void* blocks, const float* x, size_t n) {
  const float d = __builtin_fabsf(first_extreme(x, n)) / 127.0f, inverse = inverse_of(d);
  uint8_t* out = (uint8_t*)blocks;
  for (size_t at = 0; at < n; at += 32, out += 36) {
    __builtin_memcpy(out, &d, 4);
    for (size_t i = 0; i < 32; ++i) out[4 + i] = uint8_t(nearest_int8(x[at + i] * inverse));
  }
}
