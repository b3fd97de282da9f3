// The norm in front of a block, from wiring and weights.
#pragma once
#include "synapse/nn/block.h"
#include "synapse/ops/ops.h"

namespace synapse {

// The kind that wiring["norm"] names (rms when absent); `name`.weight (n), and `name`.bias (n) for layer norms.
ops::NormWeights read_norm(const BlockParts& parts, std::string_view name, int32_t n);

}  // namespace synapse
