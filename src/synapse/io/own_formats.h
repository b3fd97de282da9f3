// Formats that are Synapse's alone (is_own). A file holds such a matrix NAME as two tensors of standard types:
//   INT8          NAME: I8 (..., out, in), the numbers q     NAME.scales: F32 or F16 (..., out)    weight = scale * q
//   Q2_32, Q2_64  NAME: I8 (..., out, in / 4), packed pairs of bits     NAME.scales: F16 (..., out, in / 32 or 64)
// In memory they are one tensor of blocks (cpu/kernels/int8.inl, q2_32.inl), joined when a model is built.
#pragma once
#include "synapse/io/checkpoint.h"

namespace synapse {

inline constexpr std::string_view kScalesSuffix = ".scales";

// Bytes that join_own takes from its arena for all tensors of the checkpoint.
size_t joined_bytes(const Checkpoint& checkpoint);

// Whether a tensor is the scales of another.
bool is_scales(const Checkpoint& checkpoint, std::string_view name);

// A tensor with scales joined with them in the arena; any other as it is. Errors: shapes that fit no format, a scale
// that is not finite.
Result<Tensor> join_own(const Checkpoint& checkpoint, const NamedTensor& tensor, Arena& arena);

// What a file holds of a matrix of an own format: types and shapes, no data.
struct OwnParts {
  Tensor values, scales;
};
OwnParts parts_of(const Tensor& joined);
// Their bytes, values.bytes() and scales.bytes(), from the blocks of n_rows rows of `joined`'s width.
void split_rows(const Tensor& joined, const uint8_t* blocks, int64_t n_rows, uint8_t* values, uint8_t* scales);

}  // namespace synapse
