// The sampler's choices under every stage, as lines "digest NAME HEX" that must be the same on every target.
#pragma once
#include <cstdint>

namespace synapse::conformance {

// Prints one line a case; returns how many failed.
int32_t run_sampler_cases();

}  // namespace synapse::conformance
