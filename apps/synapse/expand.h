// Quantised weights as the float32 numbers they stand for: what a float reference computes with.
#pragma once
#include "synapse/cpu/kernels/kernels.h"
#include "synapse/import/source.h"

namespace synapse::cli {

// What expand_to_f32 takes from its arena.
size_t expanded_bytes(const Checkpoint& checkpoint);

// The checkpoint of `source` with every tensor in f32. An error names the tensor whose format has no kernel. The
// file's own pages are let go as they are read.
Result<Checkpoint> expand_to_f32(const Source& source, const Kernels& kernels, Arena& arena);

}  // namespace synapse::cli
