// The weights that linears read, in the packed layout (kernels/packed.h), beside the files that they came from. Made once, in memory or
// in a file, then read by any number of devices; a tensor is known by the address of its first row.
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

// Raised whenever the bytes of a packed matrix change: files of them are named by it (packed_weights_test.cc notices).
inline constexpr uint32_t kPackedLayout = 1;

// Those of `matrices` that have a packed layout, (out, in), or (E, out, in) with whole groups of 16 rows, in this order; one of
// them, in_planes (or an empty tensor), in two planes where its format has them.
struct PackedSet {
  std::span<const Tensor> matrices;
  Tensor in_planes;

  size_t bytes() const;  // packed, one behind the other
};

// What was packed can go from memory where it came from.
struct ReleasePart {
  void (*call)(void* context, std::span<const uint8_t> part);
  void* context;
};

// Packs them into `to`, set.bytes() at 64 bytes, pieces of each matrix in parallel.
void pack(uint8_t* to, const PackedSet& set, platform::ThreadPool& pool, const ReleasePart& release);

// Blocks first .. +n of row `row` of the matrix w, as they lie in its file.
void unpack_blocks(uint8_t* to, const Tensor& w, const Packed& packed, int32_t row, size_t first, size_t n);

class PackedWeights {
 public:
  // The table of what pack() left at `bytes`, which stays there. What is not among them is looked for in `others`, which may be null.
  static Result<const PackedWeights*> make(const PackedSet& set, const uint8_t* bytes, const PackedWeights* others, Arena& arena);
  static size_t table_bytes(const PackedSet& set);  // of that arena

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
