// What the unpacking of several formats shares, after blocks.inl. A VI holds four bytes of each of the 16 rows.

template <int kBytes>
SYN_INLINE void prefetch(const uint8_t* from) {
  for (int i = 0; i < kBytes; i += 64) __builtin_prefetch(from + i, 0, 3);
}

// d[b][r] = the f16 at byte `at` + b * block_bytes of row r. Gathered first and widened afterwards, so that no
// wide load waits for the narrow stores before it.
SYN_INLINE void unpack_scales(float d[][kTileRows], const uint8_t* const rows[kTileRows], size_t at, size_t block_bytes,
                              int32_t n_blocks) {
  uint8_t halves[kTileBlocks][2 * kTileRows];
  for (int r = 0; r < kTileRows; ++r)
    for (int32_t b = 0; b < n_blocks; ++b)
      __builtin_memcpy(&halves[b][2 * r], rows[r] + at + size_t(b) * block_bytes, 2);
  for (int32_t b = 0; b < n_blocks; ++b) load_f16(halves[b]).store(d[b]);
}

// The same number in every byte.
SYN_INLINE VI bytes(int32_t value) { return VI(int32_t(uint32_t(value) * 0x01010101u)); }

// u - k of every byte u < 128, k <= 128, in two's complement.
template <int k>
SYN_INLINE VI less(VI u) {
  return ((u | bytes(128)) - bytes(k)) ^ bytes(128);
}

// f(g, nibbles) for the 32 nibbles in 16 bytes at `at` of each row: g 0 .. 3 are the low ones, 4 .. 7 the high ones.
template <typename F>
SYN_INLINE void each_nibbles(const uint8_t* const rows[kTileRows], size_t at, F&& f) {
  VI q[4];
  load_rows(q, rows, at);
  for (int g = 0; g < 4; ++g) f(g, q[g] & bytes(15)), f(4 + g, (q[g] >> 4) & bytes(15));
}

// f(b, g, nibbles) for 64 nibbles in 32 bytes: the low ones are one block of 32, the high ones the next.
template <typename F>
SYN_INLINE void each_nibbles_of_two(const uint8_t* const rows[kTileRows], size_t at, F&& f) {
  for (int half = 0; half < 2; ++half)
    each_nibbles(rows, at + size_t(16 * half), [&](int g, VI u) { f(g / 4, 4 * half + g % 4, u); });
}

// f(b, g, values) for 128 two-bit values in 32 bytes: bits 0-1 are block 0, bits 2-3 block 1, and so on.
template <typename F>
SYN_INLINE void each_pairs(const uint8_t* const rows[kTileRows], size_t at, F&& f) {
  for (int half = 0; half < 2; ++half) {
    VI q[4];
    load_rows(q, rows, at + size_t(16 * half));
    for (int g = 0; g < 4; ++g)
      for (int b = 0; b < 4; ++b) f(b, 4 * half + g, (q[g] >> (2 * b)) & bytes(3));
  }
}

// Bits 4g .. 4g+3 of each lane as bit 4 of its four bytes.
SYN_INLINE VI fifth_bits(VI bits, int g) {
  const VI four = (bits >> (4 * g)) & VI(15);
  return ((four | (four << 7) | (four << 14) | (four << 21)) & bytes(1)) << 4;
}

// The f16 in the low half of each lane.
SYN_INLINE V low_halves(VI v) {
  uint8_t halves[2 * kTileRows];
  store_low16(halves, v);
  return load_f16(halves);
}

// Byte i of each lane, unsigned.
SYN_INLINE VI byte_of(VI v, int i) { return (v >> (8 * i)) & VI(255); }

// Four bytes at `at` of each row.
SYN_INLINE VI load_words(const uint8_t* const rows[kTileRows], size_t at) {
  int32_t lanes[kTileRows];
  for (int r = 0; r < kTileRows; ++r) __builtin_memcpy(&lanes[r], rows[r] + at, 4);
  return VI::load(lanes);
}
