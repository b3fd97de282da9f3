// Cuts, normal forms and ids of made-up text, as lines "digest NAME HEX" that must be the same on every target.
#pragma once
#include <cstdint>

namespace synapse::conformance {

// Prints one line a case; returns how many failed.
int32_t run_tokenizer_cases();

}  // namespace synapse::conformance
