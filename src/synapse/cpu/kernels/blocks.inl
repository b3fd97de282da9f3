// What quantising and dequantising single blocks of several formats shares.

alignas(16) constexpr int8_t kIq4Values[16] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};

SYN_INLINE float half_at(const uint8_t* from) {
  uint16_t half;
  __builtin_memcpy(&half, from, 2);
  return f16_to_f32(half);
}
SYN_INLINE void put_half(uint8_t* to, float value) {
  const uint16_t half = f32_to_f16(value);
  __builtin_memcpy(to, &half, 2);
}

// Two bits of weight i of 256 in 64 bytes: bits 2s, 2s+1 of byte l of half h are weight 128 h + 32 s + l.
SYN_INLINE int32_t two_bits(const uint8_t* from, size_t i) {
  return from[32 * (i / 128) + i % 32] >> (2 * (i / 32 % 4)) & 3;
}

// The first number of the largest magnitude, with its sign. NaN counts as 0.
SYN_INLINE float first_extreme(const float* x, size_t n) {
  float extreme = 0, amax = 0;
  for (size_t i = 0; i < n; ++i)
    if (__builtin_fabsf(x[i]) > amax) amax = __builtin_fabsf(x[i]), extreme = x[i];
  return extreme;
}

struct Range {
  float least, most;
};
SYN_INLINE Range range_of(const float* x, size_t n) {
  Range r = {x[0], x[0]};
  for (size_t i = 1; i < n; ++i) {
    r.least = x[i] < r.least ? x[i] : r.least;
    r.most = x[i] > r.most ? x[i] : r.most;
  }
  return r;
}

SYN_INLINE float inverse_of(float d) { return d != 0.0f ? 1.0f / d : 0.0f; }

// v without its fraction, within 0 .. most; a NaN is 0.
SYN_INLINE uint8_t level(float v, int32_t most) { return uint8_t(v >= float(most) ? most : v > 0.0f ? int32_t(v) : 0); }

// v rounded half away from zero, within -128 .. 127; a NaN is 0.
SYN_INLINE int32_t nearest_int8(float v) {
  const float clamped = v > 127.0f ? 127.0f : v > -128.0f ? v : v == v ? -128.0f : 0.0f;
  const float whole = float(int32_t(clamped)), rest = clamped - whole;
  return int32_t(whole) + (rest >= 0.5f) - (rest <= -0.5f);
}

// 32 numbers below 16, i below and i + 16 above in a byte.
SYN_INLINE void put_nibbles(uint8_t* to, const uint8_t* q) {
  for (int i = 0; i < 16; ++i) to[i] = uint8_t(q[i] | q[16 + i] << 4);
}

// The fifth bits and the nibbles of 32 numbers q < 32.
SYN_INLINE void put_fives(uint8_t* to, const uint8_t* q) {
  uint32_t high = 0;
  for (int i = 0; i < 32; ++i) high |= uint32_t(q[i] >> 4) << i;
  __builtin_memcpy(to, &high, 4);
  for (int i = 0; i < 16; ++i) to[4 + i] = uint8_t((q[i] & 15) | (q[16 + i] & 15) << 4);
}
SYN_INLINE int32_t five_at(const uint8_t* from, size_t i) {
  const int32_t low = i < 16 ? from[4 + i] & 15 : from[4 + i - 16] >> 4;
  return low | (from[i / 8] >> (i % 8) & 1) << 4;
}
