// Rows of floats into a storage format.
#pragma once
#include <span>

#include "synapse/base/dtype.h"
#include "synapse/base/status.h"

namespace synapse {

// x (n_rows, n_cols) into n_rows rows of `dtype` at `out`. `importance` (n_cols, or null) says how much an error in a
// column matters.
Status quantize_rows(DType dtype, std::span<uint8_t> out, const float* x, int64_t n_rows, int64_t n_cols,
                     const float* importance);

}  // namespace synapse
