// Q8_0: 32 weights in 34 bytes, f16 d then 32 int8; weight = d * q.

void quantize_q8_0(void* blocks, const float* x, size_t n) {
  uint8_t* out = (uint8_t*)blocks;
  for (size_t at = 0; at < n; at += 32, out += 34) {
    float amax = 0;
    for (size_t i = at; i < at + 32; ++i) amax = __builtin_fabsf(x[i]) > amax ? __builtin_fabsf(x[i]) : amax;
    const float d = amax / 127.0f, inverse = d != 0.0f ? 1.0f / d : 0.0f;
    const uint16_t half = f32_to_f16(d);
    __builtin_memcpy(out, &half, 2);
    for (size_t i = 0; i < 32; ++i) {  // half away from zero
      const float v = x[at + i] * inverse, clamped = v > 127.0f ? 127.0f : v > -128.0f ? v : v == v ? -128.0f : 0.0f;
      const float whole = float(int32_t(clamped)), rest = clamped - whole;
      out[2 + i] = uint8_t(int32_t(whole) + (rest >= 0.5f) - (rest <= -0.5f));
    }
  }
}

void dequantize_q8_0(float* y, const void* blocks, size_t n) {
  const uint8_t* in = (const uint8_t*)blocks;
  for (size_t at = 0; at < n; at += 32, in += 34) {
    uint16_t half;
    __builtin_memcpy(&half, in, 2);
    const float d = f16_to_f32(half);
    for (size_t i = 0; i < 32; ++i) y[at + i] = d * float(int8_t(in[2 + i]));
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
