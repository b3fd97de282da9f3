// f32, f16 and bf16 as sixteen lanes: kBytes an element, `at` and `part` widen them, `put` narrows.

struct F32 {
  static constexpr size_t kBytes = 4;
  SYN_INLINE static V at(const uint8_t* from) { return V::load(from); }
  SYN_INLINE static void put(uint8_t* to, V v) { v.store(to); }
};
struct F16 {
  static constexpr size_t kBytes = 2;
  SYN_INLINE static V at(const uint8_t* from) { return load_f16(from); }
  SYN_INLINE static void put(uint8_t* to, V v) { store_f16(to, v); }
};
struct BF16 {
  static constexpr size_t kBytes = 2;
  SYN_INLINE static V at(const uint8_t* from) { return as_float(load_u16(from) << 16); }
  SYN_INLINE static void put(uint8_t* to, V v) {
    const VI u = as_int(v), magnitude = u & VI(0x7FFFFFFF);
    VI h = (magnitude + VI(0x7FFF) + ((magnitude >> 16) & VI(1))) >> 16;  // may pass 2^31: then it is not used
    h = select(VI(0x7F7F7FFF) < magnitude, VI(0x7F7F), h);
    h = select(VI(0x7F800000) < magnitude, (magnitude >> 16) | VI(0x40), h);
    store_low16(to, h | ((u >> 16) & VI(0x8000)));
  }
};

// The first n lanes; the others are 0.
template <typename T>
SYN_INLINE V part(const uint8_t* from, size_t n) {
  uint8_t lanes[16 * T::kBytes] = {};
  __builtin_memcpy(lanes, from, n * T::kBytes);
  return T::at(lanes);
}

template <typename T>
void narrow(void* to, const float* x, size_t n) {
  uint8_t* out = (uint8_t*)to;
  size_t i = 0;
  for (; i + 16 <= n; i += 16) T::put(out + i * T::kBytes, V::load(x + i));
  if (i == n) return;
  uint8_t lanes[16 * T::kBytes];
  T::put(lanes, load_n(x + i, n - i));
  __builtin_memcpy(out + i * T::kBytes, lanes, (n - i) * T::kBytes);
}

template <typename T>
void widen(float* y, const void* from, size_t n) {
  const uint8_t* in = (const uint8_t*)from;
  size_t i = 0;
  for (; i + 16 <= n; i += 16) T::at(in + i * T::kBytes).store(y + i);
  if (i < n) store_n(y + i, part<T>(in + i * T::kBytes, n - i), n - i);
}
