// What the unpacking of several formats shares, after blocks.inl. W is FileRows or PackedRows; a VI holds four bytes of each of
// the 16 rows.

// Asks for kBytes bytes of each row, of those that come some time after the ones at `at`.
template <int kBytes, typename W>
SYN_INLINE void prefetch(const W& w, size_t at) {
  const uint8_t* from = w.ahead + kTileRows * at;
  for (int i = 0; i < kBytes * kTileRows; i += 64) __builtin_prefetch(from + i, 0, 3);
}

// 16 bytes at `at` of each row: out[g] holds bytes 4g .. 4g+3 of row r in lane r.
SYN_INLINE void load_rows(VI out[4], const FileRows& w, size_t at) { load_rows(out, w.rows, at); }
SYN_INLINE void load_rows(VI out[4], const PackedRows& w, size_t at) {
  for (size_t g = 0; g < 4; ++g) out[g] = VI::load(w.group + kTileRows * (at + 4 * g));
}

// Four bytes at `at` of each row.
SYN_INLINE VI load_words(const FileRows& w, size_t at) {
  int32_t lanes[kTileRows];
  for (int r = 0; r < kTileRows; ++r) __builtin_memcpy(&lanes[r], w.rows[r] + at, 4);
  return VI::load(lanes);
}
SYN_INLINE VI load_words(const PackedRows& w, size_t at) { return VI::load(w.group + kTileRows * at); }

// Two bytes at `at` of each row, as f16 and as unsigned integers.
SYN_INLINE void gather_halves(uint8_t halves[2 * kTileRows], const FileRows& w, size_t at) {
  for (int r = 0; r < kTileRows; ++r) __builtin_memcpy(halves + 2 * r, w.rows[r] + at, 2);
}
SYN_INLINE V halves(const FileRows& w, size_t at) {
  uint8_t all[2 * kTileRows];
  gather_halves(all, w, at);
  return load_f16(all);
}
SYN_INLINE VI load_u16s(const FileRows& w, size_t at) {
  uint8_t all[2 * kTileRows];
  gather_halves(all, w, at);
  return load_u16(all);
}
SYN_INLINE V halves(const PackedRows& w, size_t at) { return load_f16(w.group + kTileRows * at); }
SYN_INLINE VI load_u16s(const PackedRows& w, size_t at) { return load_u16(w.group + kTileRows * at); }

// The same number in every byte.
SYN_INLINE VI bytes(int32_t value) { return VI(int32_t(uint32_t(value) * 0x01010101u)); }

// f(0, g, q) for 32 bytes that are weights themselves.
template <typename W, typename F>
SYN_INLINE void each_bytes(const W& w, size_t at, F&& f) {
  SYN_UNROLL(kUnroll)
  for (int half = 0; half < 2; ++half) {
    VI q[4];
    load_rows(q, w, at + size_t(16 * half));
    SYN_UNROLL(kUnroll)
    for (int g = 0; g < 4; ++g) f(0, 4 * half + g, q[g]);
  }
}

// f(g, nibbles) for the 32 nibbles in 16 bytes at `at` of each row: g 0 .. 3 are the low ones, 4 .. 7 the high ones.
template <typename W, typename F>
SYN_INLINE void each_nibbles(const W& w, size_t at, F&& f) {
  VI q[4];
  load_rows(q, w, at);
  SYN_UNROLL(kUnroll)
  for (int g = 0; g < 4; ++g) f(g, q[g] & bytes(15)), f(4 + g, (q[g] >> 4) & bytes(15));
}

// f(b, g, nibbles) for 64 nibbles in 32 bytes: the low ones are one block of 32, the high ones the next.
template <typename W, typename F>
SYN_INLINE void each_nibbles_of_two(const W& w, size_t at, F&& f) {
  SYN_UNROLL(kUnroll)
  for (int half = 0; half < 2; ++half)
    each_nibbles(w, at + size_t(16 * half), [&](int g, VI u) { f(g / 4, 4 * half + g % 4, u); });
}

// f(b, g, values) for 128 two-bit values in 32 bytes: bits 0-1 are block 0, bits 2-3 block 1, and so on.
template <typename W, typename F>
SYN_INLINE void each_pairs(const W& w, size_t at, F&& f) {
  SYN_UNROLL(kUnroll)
  for (int half = 0; half < 2; ++half) {
    VI q[4];
    load_rows(q, w, at + size_t(16 * half));
    SYN_UNROLL(kUnroll)
    for (int g = 0; g < 4; ++g)
      SYN_UNROLL(kUnroll)
      for (int b = 0; b < 4; ++b) f(b, 4 * half + g, (q[g] >> (2 * b)) & bytes(3));
  }
}

// Bits 4g .. 4g+3 of each lane as bit 4 of its four bytes.
SYN_INLINE VI fifth_bits(VI bits, int g) {
  const VI four = (bits >> (4 * g)) & VI(15);
  return ((four | (four << 7) | (four << 14) | (four << 21)) & bytes(1)) << 4;
}

// Byte i of each lane, unsigned.
SYN_INLINE VI byte_of(VI v, int i) { return (v >> (8 * i)) & VI(255); }

// Bytes 2i and 2i+1 of each lane as its two int16.
SYN_INLINE VI byte_pair(VI v, int i) {
  const VI two = v >> (16 * i);
  return (two & VI(255)) | ((two & VI(0xFF00)) << 8);
}
