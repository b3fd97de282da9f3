// The exact operations, as lines "digest NAME HEX" that must be the same on every target.
#pragma once
#include <cstdint>

namespace synapse::conformance {

// Runs every exact case of tests/op_cases on every variant of kernels that this processor has, on one thread and
// on several. Prints one line a case, a line for every variant that differs from scalar, and how many passed and
// failed; returns how many failed.
int32_t run_op_cases();

}  // namespace synapse::conformance
