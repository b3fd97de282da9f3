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

// f(w, bytes of a group, offset of its rows, offset of its low planes) for each matrix of the set that is packed; returns the bytes of all.
template <typename F>
size_t walk(const PackedSet& set, F&& f) {
  size_t at = 0;
  const auto take = [&](size_t bytes) {
    const size_t start = Arena::align_up(at, Arena::kAlign);
    at = start + bytes;
    return start;
  };
  for (const Tensor& w : set.matrices) {
    if (!can_pack(w)) continue;
    const Bytes size = packed_bytes(w, set.in_planes);
    const size_t rows = take(groups_of(w) * size.rows), low = take(groups_of(w) * size.low);
    f(w, size, rows, low);
  }
  return at;
}

}  // namespace

size_t PackedSet::bytes() const {
  return walk(*this, [](const Tensor&, Bytes, size_t, size_t) {});
}

void pack(uint8_t* to, const PackedSet& set, platform::ThreadPool& pool, const ReleasePart& release) {
  walk(set, [&](const Tensor& w, Bytes size, size_t rows_at, size_t low_at) {
    const size_t n_groups = groups_of(w), bytes = group_bytes(w);
    uint8_t *const packed = to + rows_at, *const low = size.low ? to + low_at : nullptr;
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
  });
}

void unpack_blocks(uint8_t* to, const Tensor& w, const Packed& packed, int32_t row, size_t first, size_t n) {
  const size_t group = size_t(row / kTileRows);
  const int32_t r = row % kTileRows;
  if (packed.low) {
    const size_t block = group * size_t(w.cols() / kBlock) + first;
    return unpack_plane_row(to, packed.rows + block * kHighBytes, packed.low + block * kLowBytes, r, n);
  }
  const size_t skipped = size_t(kTileRows) * first * size_t(info(w.dtype).block_bytes);
  unpack_row(to, w.dtype, packed.rows + group * group_bytes(w) + skipped, r, n);
}

size_t PackedWeights::table_bytes(const PackedSet& set) {
  return sizeof(PackedWeights) + set.matrices.size() * sizeof(Matrix) + 2 * Arena::kAlign;
}

Result<const PackedWeights*> PackedWeights::make(const PackedSet& set, const uint8_t* bytes, const PackedWeights* others, Arena& arena) {
  void* place = arena.alloc(sizeof(PackedWeights), alignof(PackedWeights));
  if (!place) return fail(Code::out_of_memory, "packed weights: no room for their table");
  PackedWeights* all = new (place) PackedWeights;
  SYN_TRY(table, arena.zeroed<Matrix>(set.matrices.size(), "table of packed weights"));
  size_t n = 0;
  walk(set, [&](const Tensor& w, Bytes size, size_t rows_at, size_t low_at) {
    table[n++] = {w.data, {bytes + rows_at, size.low ? bytes + low_at : nullptr}, w.rows(), w.cols(), w.dtype};
  });
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
