#include "synapse/cpu/packed_weights.h"

#include <algorithm>
#include <new>

#include "synapse/cpu/kernels/packed.h"
#include "synapse/cpu/kernels/planes.h"

namespace synapse {
namespace {

constexpr size_t kPieceBytes = size_t(1) << 18;  // of a matrix, packed by one thread
constexpr size_t kStepBytes = size_t(1) << 24;   // of a matrix, after which the file's pages are released

bool can_pack(const Tensor& w) {
  return !packed_fields(w.dtype).empty() && (w.rank == 2 || (w.rank == 3 && w.dims[1] % kTileRows == 0)) && w.contiguous();
}

size_t groups_of(const Tensor& w) { return size_t((w.rows() + kTileRows - 1) / kTileRows); }
size_t group_bytes(const Tensor& w) { return size_t(kTileRows) * w.row_bytes(); }

bool has_planes(const Tensor& w) {
  return w.dtype == DType::q8_0 && w.rank == 2 && w.cols() / info(w.dtype).block_elements <= kMostPlaneBlocks;
}

struct Bytes {  // of a group of 16 rows, packed
  size_t rows, low;
};
Bytes packed_bytes(const Tensor& w, const Tensor& in_planes) {
  const size_t n_blocks = size_t(w.cols() / info(w.dtype).block_elements);
  if (w.data == in_planes.data && has_planes(w)) return {n_blocks * kHighBytes, n_blocks * kLowBytes};
  return {group_bytes(w), 0};
}

void pack_group(const Tensor& w, size_t group, uint8_t* to, uint8_t* low) {
  const uint8_t* rows[kTileRows];
  for (int32_t r = 0; r < kTileRows; ++r) {
    const size_t row = std::min<size_t>(group * kTileRows + size_t(r), size_t(w.rows() - 1));
    rows[r] = static_cast<const uint8_t*>(w.data) + row * w.row_bytes();
  }
  const size_t n_blocks = size_t(w.cols() / info(w.dtype).block_elements);
  if (low) pack_planes(to, low, rows, n_blocks);
  else pack_rows(to, w.dtype, rows, n_blocks);
}

}  // namespace

size_t PackedWeights::bytes(std::span<const Tensor> matrices, const Tensor& in_planes) {
  size_t n = sizeof(PackedWeights) + 2 * Arena::kAlign + matrices.size() * (sizeof(Matrix) + 2 * Arena::kAlign);
  for (const Tensor& w : matrices) {
    const Bytes bytes = packed_bytes(w, in_planes);
    if (can_pack(w)) n += groups_of(w) * (bytes.rows + bytes.low);
  }
  return n;
}

Result<const PackedWeights*> PackedWeights::make(std::span<const Tensor> matrices, const Tensor& in_planes, platform::ThreadPool& pool,
                                                 const Release& release, const PackedWeights* others, Arena& arena) {
  void* place = arena.alloc(sizeof(PackedWeights), alignof(PackedWeights));
  if (!place) return fail(Code::out_of_memory, "packed weights: no room in their arena");
  PackedWeights* all = new (place) PackedWeights;
  SYN_TRY(table, arena.zeroed<Matrix>(matrices.size(), "table of packed weights"));
  size_t n = 0;
  for (const Tensor& w : matrices) {
    if (!can_pack(w)) continue;
    const size_t n_groups = groups_of(w), bytes = group_bytes(w);
    const Bytes size = packed_bytes(w, in_planes);
    uint8_t* const packed = static_cast<uint8_t*>(arena.alloc(n_groups * size.rows));
    uint8_t* const low = size.low ? static_cast<uint8_t*>(arena.alloc(n_groups * size.low)) : nullptr;
    if (!packed || (size.low && !low)) return fail(Code::out_of_memory, "packed weights: no room for ", n_groups * bytes, " bytes");
    table[n++] = {w.data, {packed, low}, w.rows(), w.cols(), w.dtype};
    const size_t per_piece = std::max<size_t>(kPieceBytes / bytes, 1), per_step = std::max<size_t>(kStepBytes / bytes, 1);
    for (size_t first = 0; first < n_groups; first += per_step) {
      const size_t count = std::min<size_t>(per_step, n_groups - first);
      pool.for_each(int32_t((count + per_piece - 1) / per_piece), [&](int32_t item, int32_t) {
        const size_t from = first + size_t(item) * per_piece, end = std::min<size_t>(from + per_piece, first + count);
        for (size_t group = from; group < end; ++group) pack_group(w, group, packed + group * size.rows, low ? low + group * size.low : nullptr);
      });
      const size_t done = std::min<size_t>((first + count) * bytes, w.bytes()) - first * bytes;
      release.call(release.context, {static_cast<const uint8_t*>(w.data) + first * bytes, done});
    }
  }
  all->matrices_ = table.first(n), all->others_ = others;
  std::sort(all->matrices_.begin(), all->matrices_.end(), [](const Matrix& a, const Matrix& b) { return a.source < b.source; });
  return all;
}

Packed PackedWeights::find(const Tensor& w) const {
  const auto it = std::lower_bound(matrices_.begin(), matrices_.end(), static_cast<const void*>(w.data),
                                   [](const Matrix& m, const void* wanted) { return m.source < wanted; });
  if (it == matrices_.end() || it->source != w.data) return others_ ? others_->find(w) : Packed{};
  return it->format == w.dtype && it->n_cols == w.cols() && it->n_rows >= w.rows() ? it->packed : Packed{};
}

}  // namespace synapse
