// The weights that linears read, in the packed layout (kernels/packed.h), beside the files that they came from. Made once, then
// read by any number of devices; a tensor is known by the address of its first row.
#pragma once
#include <span>

#include "synapse/base/arena.h"
#include "synapse/platform/threads.h"
#include "synapse/tensor/tensor.h"

namespace synapse {

// A matrix as it lies packed: its groups of 16 rows, or their high planes, and then their low ones (kernels/planes.h).
struct Packed {
  const uint8_t* rows = nullptr;
  const uint8_t* low = nullptr;
};

class PackedWeights {
 public:
  // What was packed can go from memory where it came from.
  struct Release {
    void (*call)(void* context, std::span<const uint8_t> part);
    void* context;
  };

  // Of `matrices` those that have a packed layout: (out, in), or (E, out, in) with whole groups of 16 rows; in_planes, one of
  // them or empty, in two planes where its format has them.
  static size_t bytes(std::span<const Tensor> matrices, const Tensor& in_planes);
  // Packs them one after the other, in this order, pieces of each in parallel. The arena gives the bytes of these. What is
  // not among them is looked for in `others`, which may be null.
  static Result<const PackedWeights*> make(std::span<const Tensor> matrices, const Tensor& in_planes, platform::ThreadPool& pool,
                                           const Release& release, const PackedWeights* others, Arena& arena);

  // The matrix that begins where `w` does; without rows when it is not packed.
  Packed find(const Tensor& w) const;

 private:
  struct Matrix {
    const void* source;
    Packed packed;
    int32_t n_rows, n_cols;
    DType format;
  };
  PackedWeights() = default;
  std::span<Matrix> matrices_;  // by source
  const PackedWeights* others_ = nullptr;
};

}  // namespace synapse
