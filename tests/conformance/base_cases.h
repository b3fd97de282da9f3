// What base computes, as lines "digest NAME HEX" that must be the same on every target.
#pragma once
#include <cstdint>

namespace synapse::conformance {

// Prints one line a case; returns how many failed their own check.
int32_t run_base_cases();

}  // namespace synapse::conformance
