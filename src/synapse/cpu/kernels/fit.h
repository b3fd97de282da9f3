// Quantisers that search: the scales of a block are those with the least sum of weight * (x - x')^2 that a fixed search
// finds. The same bytes on every target. For the other formats the scales are ggml's rule (Format::quantize).
#pragma once
#include <cstddef>

#include "synapse/base/dtype.h"

namespace synapse {

// Whether fit_blocks knows the format: Q4_0 Q4_1 Q5_0 Q5_1, the K-quants, IQ4_NL, IQ4_XS, Q2_32 and Q2_64.
bool can_fit(DType type);

// n finite elements, whole blocks. A weight of error is importance * sqrt(2 mean(x^2) + x^2), the mean over 256 elements or
// a block, as with llama.cpp's importance matrices; without importance (null) it is 1. REQUIRES can_fit(type).
void fit_blocks(DType type, void* blocks, const float* x, const float* importance, size_t n);

}  // namespace synapse
