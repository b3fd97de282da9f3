// Q4_0: 32 weights in 18 bytes, f16 d then 16 bytes; byte i holds weight i below and i + 16 above;
// weight = d * (nibble - 8).

void quantize_q4_0(void* blocks, const float* x, size_t n) {
  uint8_t* out = (uint8_t*)blocks;
  for (size_t at = 0; at < n; at += 32, out += 18) {
    float extreme = 0, amax = 0;  // the first of the largest magnitude, with its sign
    for (size_t i = at; i < at + 32; ++i)
      if (__builtin_fabsf(x[i]) > amax) amax = __builtin_fabsf(x[i]), extreme = x[i];
    const float d = extreme / -8.0f, inverse = d != 0.0f ? 1.0f / d : 0.0f;
    const uint16_t half = f32_to_f16(d);
    __builtin_memcpy(out, &half, 2);
    const auto nibble = [&](float w) {
      const float v = w * inverse + 8.5f;
      return uint8_t(v >= 15.0f ? 15 : v > 0.0f ? int32_t(v) : 0);
    };
    for (size_t i = 0; i < 16; ++i) out[2 + i] = uint8_t(nibble(x[at + i]) | nibble(x[at + 16 + i]) << 4);
  }
}

void dequantize_q4_0(float* y, const void* blocks, size_t n) {
  const uint8_t* in = (const uint8_t*)blocks;
  for (size_t at = 0; at < n; at += 32, in += 18) {
    uint16_t half;
    __builtin_memcpy(&half, in, 2);
    const float d = f16_to_f32(half);
    for (size_t i = 0; i < 16; ++i) {
      y[at + i] = d * float((in[2 + i] & 15) - 8);
      y[at + 16 + i] = d * float((in[2 + i] >> 4) - 8);
    }
  }
}

void unpack_q4_0(Tile* tile, const uint8_t* const rows[kTileRows], int32_t first_block, int32_t n_blocks,
                 const uint8_t* ahead) {
  for (int32_t b = 0; b < n_blocks; ++b) {
    prefetch<18 * kTileRows>(ahead + b * (18 * kTileRows));
    VI q[4];
    load_rows(q, rows, size_t(first_block + b) * 18 + 2);
    for (int g = 0; g < 4; ++g) {  // u - 8 of a byte u in 0 .. 15, four at a time: (u ^ 8) with 8's sign spread up
      const VI low = q[g] & VI(0x0F0F0F0F), high = (q[g] >> 4) & VI(0x0F0F0F0F);
      less_eight(low).store(tile->q[b][g]);
      less_eight(high).store(tile->q[b][4 + g]);
    }
  }
  unpack_scales(tile->d, rows, size_t(first_block) * 18, 18, n_blocks);
}
