// The reference: every target can compile it. Vectors are of four lanes, which the compiler splits where
// it must; what has no operator is a loop over lanes.
constexpr int kPartBytes = 16;
typedef float Part __attribute__((vector_size(16)));
typedef int32_t PartInt __attribute__((vector_size(16)));

SYN_INLINE Part fma_part(Part a, Part b, Part c) { return a * b + c; }
SYN_INLINE PartInt round_part(Part a) {  // |a| < 2^22
  const Part magic = {12582912.0f, 12582912.0f, 12582912.0f, 12582912.0f};
  return (PartInt)(a + magic) - (PartInt)magic;
}

#include "synapse/cpu/kernels/simd.inl"

SYN_INLINE V load_f16(const uint8_t* from) {
  float lanes[16];
  for (int i = 0; i < 16; ++i) {
    uint16_t h;
    __builtin_memcpy(&h, from + 2 * i, 2);
    lanes[i] = f16_to_f32(h);
  }
  return V::load(lanes);
}
SYN_INLINE void store_f16(uint8_t* to, V v) {
  float lanes[16];
  v.store(lanes);
  for (int i = 0; i < 16; ++i) {
    const uint16_t h = f32_to_f16(lanes[i]);
    __builtin_memcpy(to + 2 * i, &h, 2);
  }
}
SYN_INLINE VI load_i8(const uint8_t* from) {
  int32_t lanes[16];
  for (int i = 0; i < 16; ++i) lanes[i] = int8_t(from[i]);
  return VI::load(lanes);
}
SYN_INLINE VI load_u16(const uint8_t* from) {
  int32_t lanes[16];
  for (int i = 0; i < 16; ++i) lanes[i] = from[2 * i] | from[2 * i + 1] << 8;
  return VI::load(lanes);
}
SYN_INLINE void store_low16(uint8_t* to, VI v) {
  int32_t lanes[16];
  v.store(lanes);
  for (int i = 0; i < 16; ++i) to[2 * i] = uint8_t(lanes[i]), to[2 * i + 1] = uint8_t(lanes[i] >> 8);
}
SYN_INLINE void store_low8(int8_t* to, VI v) {
  int32_t lanes[16];
  v.store(lanes);
  for (int i = 0; i < 16; ++i) to[i] = int8_t(lanes[i]);
}
// 16 bytes at `at` of each row; out[g] holds bytes 4g .. 4g+3 of row r in lane r.
SYN_INLINE void load_rows(VI out[4], const uint8_t* const rows[16], size_t at) {
  int32_t lanes[4][16];
  for (int r = 0; r < 16; ++r)
    for (int g = 0; g < 4; ++g) __builtin_memcpy(&lanes[g][r], rows[r] + at + 4 * g, 4);
  for (int g = 0; g < 4; ++g) out[g] = VI::load(lanes[g]);
}

// Each lane's two int16 times those of b, summed.
SYN_INLINE VI dot2(VI a, VI b) { return ((a << 16) >> 16) * ((b << 16) >> 16) + (a >> 16) * (b >> 16); }

// table[n] for each byte n of a lane, n < 16.
SYN_INLINE VI look_up(const int8_t table[16], VI n) {
  uint8_t bytes[64];
  n.store(bytes);
  for (uint8_t& b : bytes) b = uint8_t(table[b]);
  return VI::load(bytes);
}

// dot4: lane r of acc += the four products of row r's bytes of k-group g with those of x.
struct DotX {
  const int8_t* q;
};
using DotW = const int8_t*;
SYN_INLINE DotX dot_x(const int8_t* q) { return {q}; }
template <bool>
SYN_INLINE DotW dot_w(const int8_t* q) { return q; }
template <bool>
SYN_INLINE VI dot4(VI acc, DotW w, const DotX& x, int g) {
  int32_t lanes[16];
  acc.store(lanes);
  for (int r = 0; r < 16; ++r)
    for (int i = 0; i < 4; ++i) lanes[r] += w[4 * r + i] * x.q[4 * g + i];
  return VI::load(lanes);
}

constexpr int32_t kSignedShift = 0;
constexpr int kDotRows = 1;     // activation rows whose products with two tiles are held in registers
constexpr int kDotRowsOfParts = 1;
constexpr int kLinearRows = 1;  // outputs of a float linear held in registers: kLinearRows x kLinearColumns
constexpr int kLinearColumns = 4;
constexpr int kUnroll = 1;        // rounds of the loops over a block that are taken apart: where weights go from memory to registers
constexpr int kAttendRegisters = 4;  // sums of attention held in registers, and most queries at a time
