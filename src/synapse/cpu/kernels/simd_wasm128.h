// WebAssembly SIMD128.
constexpr int kPartBytes = 16;
typedef float Part __attribute__((vector_size(16)));
typedef int32_t PartInt __attribute__((vector_size(16)));

SYN_INLINE Part fma_part(Part a, Part b, Part c) { return a * b + c; }
SYN_INLINE PartInt round_part(Part a) {
  return (PartInt)wasm_i32x4_trunc_sat_f32x4(wasm_f32x4_nearest((v128_t)a));
}

#include "synapse/cpu/kernels/simd.inl"

SYN_INLINE VI load_i8(const uint8_t* from) {
  return each_part<VI>([&](int i) {
    return (PI)wasm_i32x4_extend_low_i16x8(wasm_i16x8_extend_low_i8x16(wasm_v128_load32_zero(from + 4 * i)));
  });
}
SYN_INLINE VI load_u16(const uint8_t* from) {
  return each_part<VI>([&](int i) { return (PI)wasm_u32x4_load16x4(from + 8 * i); });
}
SYN_INLINE void store_low16(uint8_t* to, VI v) {
  for (int i = 0; i < 4; i += 2) {
    const v128_t mask = wasm_i32x4_splat(0xFFFF);
    wasm_v128_store(to + 8 * i, wasm_u16x8_narrow_i32x4(wasm_v128_and((v128_t)v.p[i], mask),
                                                        wasm_v128_and((v128_t)v.p[i + 1], mask)));
  }
}
SYN_INLINE void store_low8(int8_t* to, VI v) {  // lanes within int8
  wasm_v128_store(to, wasm_i8x16_narrow_i16x8(wasm_i16x8_narrow_i32x4((v128_t)v.p[0], (v128_t)v.p[1]),
                                              wasm_i16x8_narrow_i32x4((v128_t)v.p[2], (v128_t)v.p[3])));
}
// base/half.h, sixteen at a time.
SYN_INLINE V load_f16(const uint8_t* from) {
  const VI h = load_u16(from), magnitude = (h & VI(0x7FFF)) << 13, sign = (h & VI(0x8000)) << 16;
  const VI finite = as_int(as_float(magnitude) * V(0x1p112f));
  const VI quiet = (VI(0x0F800000) < magnitude) & VI(0x400000);
  return as_float(select(VI(0x0F7FFFFF) < magnitude, (magnitude + VI(0x70000000)) | quiet, finite) | sign);
}
SYN_INLINE void store_f16(uint8_t* to, V v) {
  const VI u = as_int(v), sign = (u >> 16) & VI(0x8000), magnitude = u & VI(0x7FFFFFFF);
  const VI m = select(VI(0x477FE000) < magnitude, VI(0x477FE000), magnitude);
  const VI small = as_int(as_float(m) + V(0.5f)) - VI(0x3F000000);
  const VI normal = (m - VI(0x38000000) + VI(0xFFF) + ((m >> 13) & VI(1))) >> 13;
  const VI nan = VI(0x7E00) | ((magnitude >> 13) & VI(0x3FF));
  const VI finite = select(m < VI(0x38800000), small, normal);
  store_low16(to, select(VI(0x7F800000) < magnitude, nan, finite) | sign);
}

// 16 bytes at `at` of each row; out[g] holds bytes 4g .. 4g+3 of row r in lane r.
SYN_INLINE void load_rows(VI out[4], const uint8_t* const rows[16], size_t at) {
  for (int i = 0; i < 4; ++i) {
    const auto row = [&](int r) { return wasm_v128_load(rows[4 * i + r] + at); };
    const v128_t r0 = row(0), r1 = row(1), r2 = row(2), r3 = row(3);
    const v128_t a = wasm_i32x4_shuffle(r0, r1, 0, 4, 1, 5), b = wasm_i32x4_shuffle(r0, r1, 2, 6, 3, 7);
    const v128_t c = wasm_i32x4_shuffle(r2, r3, 0, 4, 1, 5), d = wasm_i32x4_shuffle(r2, r3, 2, 6, 3, 7);
    out[0].p[i] = (PI)wasm_i64x2_shuffle(a, c, 0, 2), out[1].p[i] = (PI)wasm_i64x2_shuffle(a, c, 1, 3);
    out[2].p[i] = (PI)wasm_i64x2_shuffle(b, d, 0, 2), out[3].p[i] = (PI)wasm_i64x2_shuffle(b, d, 1, 3);
  }
}

// Each lane's two int16 times those of b, summed.
SYN_INLINE VI dot2(VI a, VI b) {
  return each_part<VI>([&](int i) { return (PI)wasm_i32x4_dot_i16x8((v128_t)a.p[i], (v128_t)b.p[i]); });
}

// table[n] for each byte n of a lane, n < 16.
SYN_INLINE VI look_up(const int8_t table[16], VI n) {
  const v128_t t = wasm_v128_load(table);
  return each_part<VI>([&](int i) { return (PI)wasm_i8x16_swizzle(t, (v128_t)n.p[i]); });
}

// dot4 on bytes widened to 16 bits, even and odd ones apart: lane r of acc += the four products of row r's
// bytes of k-group g with those of x. Exact for all int8.
struct DotX {
  int32_t even[8], odd[8];
};
struct DotW {
  v128_t even[4], odd[4];
};
SYN_INLINE v128_t even_bytes(v128_t v) { return wasm_i16x8_shr(wasm_i16x8_shl(v, 8), 8); }
SYN_INLINE v128_t odd_bytes(v128_t v) { return wasm_i16x8_shr(v, 8); }
SYN_INLINE DotX dot_x(const int8_t* q) {
  DotX x;
  for (int i = 0; i < 2; ++i) {
    const v128_t v = wasm_v128_load(q + 16 * i);
    wasm_v128_store(x.even + 4 * i, even_bytes(v)), wasm_v128_store(x.odd + 4 * i, odd_bytes(v));
  }
  return x;
}
template <bool>
SYN_INLINE DotW dot_w(const int8_t* q) {
  DotW w;
  for (int i = 0; i < 4; ++i) {
    const v128_t v = wasm_v128_load(q + 16 * i);
    w.even[i] = even_bytes(v), w.odd[i] = odd_bytes(v);
  }
  return w;
}
template <bool>
SYN_INLINE VI dot4(VI acc, const DotW& w, const DotX& x, int g) {
  const v128_t even = wasm_i32x4_splat(x.even[g]), odd = wasm_i32x4_splat(x.odd[g]);
  return each_part<VI>([&](int i) {
    return acc.p[i] + (PI)wasm_i32x4_dot_i16x8(w.even[i], even) + (PI)wasm_i32x4_dot_i16x8(w.odd[i], odd);
  });
}

constexpr int32_t kSignedShift = 0;
constexpr int kDotRows = 1;     // activation rows whose products with two tiles are held in registers
constexpr int kDotRowsOfParts = 1;
constexpr int kLinearRows = 2;  // outputs of a float linear held in registers: kLinearRows x kLinearColumns
constexpr int kLinearColumns = 2;
constexpr int kUnroll = 1;        // rounds of the loops over a block that are taken apart: where weights go from memory to registers
constexpr int kAttendRegisters = 4;  // sums of attention held in registers, and most queries at a time
