// Q8_0 in two planes (planes.h), after q8_0.inl.

constexpr size_t kPlaneAhead = 2048;  // bytes of each plane, asked for while it is read

SYN_INLINE void prefetch_plane(const uint8_t* from, size_t n) {
  for (size_t i = 0; i < n; i += 64) __builtin_prefetch(from + kPlaneAhead + i, 0, 3);
}
template <int>
SYN_INLINE void prefetch(const PlaneRows& w, size_t block) {
  prefetch_plane(w.high + kHighBytes * block, kHighBytes), prefetch_plane(w.low + kLowBytes * block, kLowBytes);
}

struct Q8_0Planes : Q8_0 {
  SYN_INLINE static V d(const PlaneRows& w, size_t block) { return load_f16(w.high + kHighBytes * block); }
  template <typename F>
  SYN_INLINE static void each(const PlaneRows& w, size_t block, F&& f) {
    const uint8_t *const high = w.high + kHighBytes * block + kHighNibbles, *const low = w.low + kLowBytes * block;
    SYN_UNROLL(kUnroll)
    for (int g = 0; g < 4; ++g) {
      const VI h = VI::load(high + 64 * g), l = VI::load(low + 64 * g);
      f(0, g, (((h & bytes(15)) << 4) | (l & bytes(15))) ^ bytes(128));
      f(0, 4 + g, ((h & bytes(240)) | ((l >> 4) & bytes(15))) ^ bytes(128));
    }
  }
};
