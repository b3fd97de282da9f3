// f16 (IEEE binary16) and bf16 <-> f32 on bits alone, so every target agrees. Widening is exact.
// Narrowing rounds half to even and saturates at the largest finite value, infinities too; a NaN
// stays a NaN, quieted, with the sign and the upper payload that it had.
#pragma once
#include <cstdint>

#include "synapse/base/compiler.h"

namespace synapse {

SYN_INLINE float bf16_to_f32(uint16_t h) { return __builtin_bit_cast(float, uint32_t(h) << 16); }

SYN_INLINE uint16_t f32_to_bf16(float f) {
  const uint32_t u = __builtin_bit_cast(uint32_t, f), magnitude = u & 0x7FFFFFFFu;
  if (magnitude > 0x7F800000u) return uint16_t((u >> 16) | 0x40u);
  const uint32_t rounded = (magnitude + 0x7FFFu + ((magnitude >> 16) & 1u)) >> 16;
  return uint16_t((u >> 16 & 0x8000u) | (rounded < 0x7F7Fu ? rounded : 0x7F7Fu));
}

SYN_INLINE float f16_to_f32(uint16_t h) {
  const uint32_t sign = uint32_t(h & 0x8000u) << 16, magnitude = uint32_t(h & 0x7FFFu) << 13;
  uint32_t u;
  if (magnitude >= 0x0F800000u) {
    u = (magnitude + 0x70000000u) | (magnitude > 0x0F800000u ? 0x400000u : 0u);
  } else {
    u = __builtin_bit_cast(uint32_t, __builtin_bit_cast(float, magnitude) * 0x1p112f);  // exact, subnormals too
  }
  return __builtin_bit_cast(float, u | sign);
}

SYN_INLINE uint16_t f32_to_f16(float f) {
  const uint32_t u = __builtin_bit_cast(uint32_t, f), sign = u >> 16 & 0x8000u;
  uint32_t magnitude = u & 0x7FFFFFFFu;
  if (magnitude > 0x7F800000u) return uint16_t(sign | 0x7E00u | (magnitude >> 13 & 0x3FFu));
  if (magnitude > 0x477FE000u) magnitude = 0x477FE000u;  // 65504
  if (magnitude < 0x38800000u) {                         // below 2^-14: steps of 2^-24, which 0.5f has too
    const float shifted = __builtin_bit_cast(float, magnitude) + 0.5f;
    return uint16_t(sign | (__builtin_bit_cast(uint32_t, shifted) - 0x3F000000u));
  }
  return uint16_t(sign | ((magnitude - 0x38000000u + 0xFFFu + (magnitude >> 13 & 1u)) >> 13));
}

}  // namespace synapse
