// The worked examples of the quantised linear (tests/golden/linear_q.json), bit for bit.
#pragma once
#include <string>

#include "synapse/base/status.h"

namespace synapse::conformance {

struct Tally {
  int passed = 0, failed = 0, skipped = 0;  // one a case and variant; skipped: formats that are not run
  std::string report;                       // a line for every failure
};

// Every case of the file on every variant of kernels. An error when the file is not what it should be.
Result<Tally> check_linear(const char* path);

}  // namespace synapse::conformance
