// The worked examples of the quantised linear (tests/golden/linear_q.json), bit for bit, on every target.
#pragma once
#include <span>

#include "synapse/base/status.h"

namespace synapse::conformance {

struct Tally {
  int32_t passed = 0, failed = 0, skipped = 0;  // one a case and variant; skipped: formats that are not run
};

// Every case of the file on every variant of kernels; a line for each that differs. An error when the file is not what
// it should be.
Result<Tally> check_linear(std::span<const uint8_t> json);

// The file of the project, embedded: prints its tally, returns how many failed.
int32_t run_linear_golden();

}  // namespace synapse::conformance
