// Weights and inputs by formula: a tensor is a function of its own name, so that reference numbers need no files of
// weights. Element i of `name`, row-major: u uniform in [-1, 1) in steps of 2^-23, then f32(base + scale * u).
#pragma once
#include <string_view>

#include "synapse/base/rng.h"

namespace synapse::golden {

inline float formula(std::string_view name, uint64_t i, double base, double scale) {
  const double u = double(random_bits(hash64(name.data(), name.size()), i) >> 40) / 16777216.0 * 2 - 1;
  return float(base + scale * u);
}

}  // namespace synapse::golden
