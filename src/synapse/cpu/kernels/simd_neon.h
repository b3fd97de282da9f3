// AArch64 NEON, which every AArch64 CPU has.
constexpr int kPartBytes = 16;

SYN_INLINE float32x4_t fma_part(float32x4_t a, float32x4_t b, float32x4_t c) { return vfmaq_f32(c, a, b); }
SYN_INLINE int32x4_t round_part(float32x4_t a) { return vcvtnq_s32_f32(a); }

#include "synapse/cpu/kernels/simd.inl"

SYN_INLINE V load_f16(const uint8_t* from) {
  return each_part<V>([&](int i) { return PF(vcvt_f32_f16(vreinterpret_f16_u8(vld1_u8(from + 8 * i)))); });
}
SYN_INLINE void store_f16(uint8_t* to, V v) {
  for (int i = 0; i < 4; ++i) {  // min and max keep a NaN
    const float32x4_t x = vmaxq_f32(vminq_f32(v.p[i], vdupq_n_f32(65504.0f)), vdupq_n_f32(-65504.0f));
    vst1_u8(to + 8 * i, vreinterpret_u8_f16(vcvt_f16_f32(x)));
  }
}
SYN_INLINE VI load_i8(const uint8_t* from) {
  const int8x16_t v = vreinterpretq_s8_u8(vld1q_u8(from));
  const int16x8_t low = vmovl_s8(vget_low_s8(v)), high = vmovl_high_s8(v);
  const int32x4_t parts[] = {vmovl_s16(vget_low_s16(low)), vmovl_high_s16(low), vmovl_s16(vget_low_s16(high)), vmovl_high_s16(high)};
  return each_part<VI>([&](int i) { return (PI)parts[i]; });
}
SYN_INLINE VI load_u16(const uint8_t* from) {
  return each_part<VI>([&](int i) { return (PI)vmovl_u16(vreinterpret_u16_u8(vld1_u8(from + 8 * i))); });
}
SYN_INLINE void store_low16(uint8_t* to, VI v) {
  for (int i = 0; i < 4; ++i) vst1_u8(to + 8 * i, vreinterpret_u8_u16(vmovn_u32((uint32x4_t)v.p[i])));
}
SYN_INLINE void store_low8(int8_t* to, VI v) {
  const auto words = [&](int i) {
    return vcombine_s16(vmovn_s32((int32x4_t)v.p[i]), vmovn_s32((int32x4_t)v.p[i + 1]));
  };
  vst1q_s8(to, vcombine_s8(vmovn_s16(words(0)), vmovn_s16(words(2))));
}

// 16 bytes at `at` of each row; out[g] holds bytes 4g .. 4g+3 of row r in lane r.
SYN_INLINE void load_rows(VI out[4], const uint8_t* const rows[16], size_t at) {
  for (int i = 0; i < 4; ++i) {
    const auto row = [&](int r) { return vreinterpretq_s32_u8(vld1q_u8(rows[4 * i + r] + at)); };
    const int32x4x2_t a = vzipq_s32(row(0), row(2)), b = vzipq_s32(row(1), row(3));
    const int32x4x2_t lo = vzipq_s32(a.val[0], b.val[0]), hi = vzipq_s32(a.val[1], b.val[1]);
    out[0].p[i] = (PI)lo.val[0], out[1].p[i] = (PI)lo.val[1];
    out[2].p[i] = (PI)hi.val[0], out[3].p[i] = (PI)hi.val[1];
  }
}

// Each lane's two int16 times those of b, summed.
SYN_INLINE VI dot2(VI a, VI b) {
  return each_part<VI>([&](int i) {
    const int16x8_t x = (int16x8_t)a.p[i], y = (int16x8_t)b.p[i];
    return (PI)vpaddq_s32(vmull_s16(vget_low_s16(x), vget_low_s16(y)), vmull_high_s16(x, y));
  });
}

// table[n] for each byte n of a lane, n < 16.
SYN_INLINE VI look_up(const int8_t table[16], VI n) {
  const int8x16_t t = vld1q_s8(table);
  return each_part<VI>([&](int i) { return (PI)vqtbl1q_s8(t, (uint8x16_t)n.p[i]); });
}

constexpr int32_t kSignedShift = 0;
constexpr int kDotRows = 2;     // activation rows whose products with two tiles are held in registers
constexpr int kDotRowsOfParts = 1;
constexpr int kLinearRows = 2;  // outputs of a float linear held in registers: kLinearRows x kLinearColumns
constexpr int kLinearColumns = 2;
constexpr int kUnroll = 16;        // rounds of the loops over a block that are taken apart: where weights go from memory to registers
constexpr int kAttendRegisters = 4;  // sums of attention held in registers, and most queries at a time
