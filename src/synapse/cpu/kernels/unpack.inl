// What the unpacking of several formats shares.

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

// u - 8 for each of a lane's four bytes u in 0 .. 15: with 8's bit flipped it is the low nibble of the answer in
// two's complement, and the flipped bit's sign fills the high one.
SYN_INLINE VI less_eight(VI u) {
  const VI low = u ^ VI(0x08080808), sign = low & VI(0x08080808);
  return low | ((sign << 5) - (sign << 1));
}
