// The Unicode 16.0.0 character database, as much of it as tokenisation needs.
// Written by tools/make_unicode.py; read through runtime/unicode.h.
#pragma once
#include <cstdint>

namespace synapse::unicode_tables {

// Class (CharClass) of a code point below kClassLimit: nibble cp % 128 of block kClassIndex[cp / 128].
inline constexpr uint32_t kClassBlock = 128;
inline constexpr uint32_t kClassLimit = 0x32400;
extern const uint8_t kClassIndex[1608];
extern const uint8_t kClassNibbles[13888];

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

}  // namespace synapse::unicode_tables
