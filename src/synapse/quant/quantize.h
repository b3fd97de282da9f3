// Weights to any format that there is a quantiser for, with or without importances. The same bytes on every machine;
// callable from many threads at once on different rows.
#pragma once
#include <cstdint>
#include <span>

#include "synapse/base/dtype.h"
#include "synapse/base/status.h"

namespace synapse {

// Rows x (n_rows, n_cols) as `dtype` into `out`, n_rows * row_bytes(dtype, n_cols) bytes. `importance` holds the mean square of
// each column's activations (an imatrix: n_cols of them) or is null. With it Q4_0 to Q5_1, the K-quants, IQ4_NL, IQ4_XS,
// Q2_32 and Q2_64 weigh their errors by it (cpu/kernels/fit.h); every other format, and all without it, quantise as Kernels::formats do.
// An error: no quantiser for dtype, rows that are no whole blocks, a size of `out` that does not fit, a number that is not
// finite or that an f16 scale cannot hold, an importance below 0 or not finite.
Status quantize_rows(DType dtype, std::span<uint8_t> out, const float* x, int64_t n_rows, int64_t n_cols,
                     const float* importance);

}  // namespace synapse
