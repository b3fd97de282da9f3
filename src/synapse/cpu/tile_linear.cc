#include "synapse/cpu/tile_linear.h"

namespace synapse::cpu {

QuantRows take_quantised(Arena& arena, int32_t n_rows, int32_t n, int32_t group) {
  const size_t size = size_t(n_rows) * size_t(n);
  QuantRows rows;
  rows.n = n;
  rows.q = arena.array<int8_t>(size, Arena::kAlign);
  rows.d = arena.array<float>(size / size_t(group), Arena::kAlign);
  rows.sums16 = arena.array<int32_t>(size / kSumElements, Arena::kAlign);
  return rows;
}

void quantise_into(const Kernels& kernels, const QuantRows& rows, int32_t row, const float* x, int32_t group) {
  const size_t n = size_t(rows.n), at = size_t(row) * n;
  kernels.quantize_row(rows.q + at, rows.d + at / size_t(group), rows.sums16 + at / kSumElements, x, n, size_t(group));
}

Matrix matrix_of_expert(const Matrix& all, int32_t expert) {
  const Tensor& w = all.w;
  const size_t at = size_t(expert) * w.strides[0];  // packed too: can_pack wants whole groups
  return {make_tensor(static_cast<uint8_t*>(w.data) + at, w.dtype, {w.dims[1], w.dims[2]}),
          {all.packed.rows ? all.packed.rows + at : nullptr, nullptr}};
}

PlaneRows planes_of(const Matrix& m, int32_t group) {
  const size_t blocks = size_t(group) * size_t(m.w.cols() / kBlock);
  return {m.packed.rows + blocks * kHighBytes, m.packed.low + blocks * kLowBytes};
}

Pair pair_of(const Matrix& m, int32_t i) {
  const int32_t second = i + n_pairs_of(m.w);
  return {{m, m}, {i, second < ceil_div(m.w.rows(), kTileRows) ? second : i}};
}

namespace {

constexpr size_t kAheadBytes = 2048;  // of a packed weight, asked for while it is read

// A group where it lies.
struct Group {
  const uint8_t* rows[kTileRows];  // unless packed
  PackedRows packed;               // one or the other, or both null
  PlaneRows planes;
  FileRows in_file() const { return {rows, rows[0] + ahead}; }
  size_t ahead;  // bytes to the group after it
};

Group group_of(const Matrix& m, int32_t group) {
  const Tensor& w = m.w;
  Group g = {};
  if (m.packed.low) {
    g.planes = planes_of(m, group);
    return g;
  }
  if (m.packed.rows) {
    g.packed.group = m.packed.rows + size_t(group) * kTileRows * w.row_bytes();
    g.packed.ahead = g.packed.group + kAheadBytes;
    return g;
  }
  for (int32_t r = 0; r < kTileRows; ++r) {
    const int32_t row = group * kTileRows + r, last = w.rows() - 1;
    g.rows[r] = static_cast<const uint8_t*>(w.data) + size_t(row < last ? row : last) * w.strides[0];
  }
  g.ahead = kTileRows * w.strides[0];
  return g;
}

// Rows first_row .. of x.
QuantRows rows_from(const InputRows& in, int32_t first_row) {
  QuantRows x = in.quantised;
  const size_t at = size_t(first_row) * size_t(x.n);
  x.q += at, x.d += at / size_t(in.group), x.sums16 += at / kSumElements;
  return x;
}

}  // namespace

void multiply(const Run& run, const Pair& pair, const InputRows& in, int32_t first_row, int32_t n_rows, Tile* tiles, float* acc) {
  const Tensor& w = pair.m[0].w;
  const Format& format = run.kernels.formats[size_t(w.dtype)];
  const Group groups[] = {group_of(pair.m[0], pair.group[0]), group_of(pair.m[1], pair.group[1])};
  if (in.group == 0) {
    const auto linear = run.call.attrs.exact ? format.exact : format.fast;
    const size_t n = size_t(w.cols());
    std::memset(acc, 0, size_t(2 * n_rows) * kTileRows * sizeof(float));
    for (int t = 0; t < 2; ++t)
      linear(acc + size_t(t * n_rows) * kTileRows, in.x + size_t(first_row) * n, n_rows, groups[t].rows, columns_of(w.rows(), pair.group[t]),
             int32_t(n));
    return;
  }
  const QuantRows x = rows_from(in, first_row);
  const int32_t n_blocks = x.n / kBlock;
  if (n_rows <= format.most_packed_rows && groups[0].packed.group && groups[1].packed.group) {
    const PackedRows packed[] = {groups[0].packed, groups[1].packed};
    return format.dot_packed(acc, packed, &x, n_rows, n_blocks);
  }
  if (n_rows <= format.most_packed_rows && format.dot_planes && groups[0].planes.high && groups[1].planes.high) {
    const PlaneRows planes[] = {groups[0].planes, groups[1].planes};
    return format.dot_planes(acc, planes, &x, n_rows, n_blocks);
  }
  std::memset(acc, 0, size_t(2 * n_rows) * kTileRows * sizeof(float));
  for (int32_t block = 0; block < n_blocks; block += kTileBlocks) {
    const int32_t count = n_blocks - block < kTileBlocks ? n_blocks - block : kTileBlocks;
    for (int t = 0; t < 2; ++t) {
      if (groups[t].planes.high) format.unpack_planes(tiles + t, groups[t].planes, block, count);
      else if (groups[t].packed.group) format.unpack_packed(tiles + t, groups[t].packed, block, count);
      else format.unpack(tiles + t, groups[t].in_file(), block, count);
    }
    format.dot(acc, tiles, &x, n_rows, block, count);
  }
}

}  // namespace synapse::cpu
