// The Unicode 16.0.0 character database, as much of it as tokenisation needs.
// Written by tools/make_unicode.py; read through runtime/unicode.h.
#pragma once
#include <cstdint>

namespace synapse::unicode_tables {

// CharKind of a code point below kKindLimit: nibble cp % 128 of block kKindIndex[cp / 128].
inline constexpr uint32_t kKindBlock = 128;
inline constexpr uint32_t kKindLimit = 0x32400;
extern const uint8_t kKindIndex[1608];
extern const uint8_t kKindNibbles[16192];

// One canonical decomposition step, sorted by code point; second is 0 for a singleton.
struct NarrowStep {
  uint16_t code_point, first, second;
};
struct WideStep {
  uint32_t code_point, first, second;
};
inline constexpr uint32_t kNarrowSteps = 1486;
inline constexpr uint32_t kWideSteps = 595;
extern const NarrowStep kNarrow[kNarrowSteps];
extern const WideStep kWide[kWideSteps];

// The steps that compose again, sorted by (first, second): i in kNarrow, or i - kNarrowSteps in kWide.
inline constexpr uint32_t kCompositions = 961;
extern const uint16_t kComposition[kCompositions];

// Runs of code points with one canonical combining class other than 0, in order.
struct CombiningRange {
  uint32_t first;
  uint16_t count;
  uint8_t combining_class;
};
inline constexpr uint32_t kCombiningRanges = 393;
extern const CombiningRange kCombining[kCombiningRanges];

// One compatibility decomposition step, sorted by code point: from kCompatPool[pool], to where the next one begins.
struct CompatStep {
  uint32_t code_point;
  uint32_t pool;
};
inline constexpr uint32_t kCompatSteps = 3832;
extern const CompatStep kCompat[kCompatSteps + 1];  // the last ends the pool
extern const uint32_t kCompatPool[5612];

// Runs of capital letters, `stride` apart, and how far away their small ones are; sorted.
struct LowerRange {
  uint32_t first;
  uint16_t count;
  uint16_t stride;
  int32_t offset;
};
inline constexpr uint32_t kLowerRanges = 186;
extern const LowerRange kLower[kLowerRanges];

}  // namespace synapse::unicode_tables
