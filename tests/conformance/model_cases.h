// Whole models with weights by formula, as lines "digest NAME HEX" that must be the same on every target.
#pragma once
#include <cstdint>

namespace synapse::conformance {

// Reads a prompt in chunks and writes a few tokens, for every variant of kernels and on several threads. Returns how
// many runs differed from the scalar kernels'.
int32_t run_model_cases();

}  // namespace synapse::conformance
