// The weights that linears read, in the packed layout (kernels/packed.h), beside the files that they came from. Made once, then
// read by any number of devices; a tensor is known by the address of its first row.
#pragma once
#include <span>

#include "synapse/base/arena.h"
#include "synapse/platform/threads.h"
#include "synapse/tensor/tensor.h"

namespace synapse {

class PackedWeights {
 public:
  // What was packed can go from memory where it came from.
  struct Release {
    void (*call)(void* context, std::span<const uint8_t> part);
    void* context;
  };

  // Of `matrices` those that have a packed layout: (out, in), or (E, out, in) with whole groups of 16 rows.
  static size_t bytes(std::span<const Tensor> matrices);
  // Packs them one after the other, in this order, pieces of each in parallel. The arena gives bytes(matrices). What is not
  // among them is looked for in `others`, which may be null.
  static Result<const PackedWeights*> make(std::span<const Tensor> matrices, platform::ThreadPool& pool, const Release& release,
                                           const PackedWeights* others, Arena& arena);

  // The groups of 16 rows of a matrix that begins where `w` does, or null.
  const uint8_t* find(const Tensor& w) const;

 private:
  struct Matrix {
    const void* source;
    const uint8_t* packed;
    int32_t n_rows, n_cols;
    DType format;
  };
  PackedWeights() = default;
  std::span<Matrix> matrices_;  // by source
  const PackedWeights* others_ = nullptr;
};

}  // namespace synapse
