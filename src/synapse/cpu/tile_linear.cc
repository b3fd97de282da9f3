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
  return {make_tensor(static_cast<uint8_t*>(w.data) + at, w.dtype, {w.dims[1], w.dims[2]}), all.packed ? all.packed + at : nullptr};
}

namespace {

constexpr size_t kAheadBytes = 2048;  // of a packed weight, asked for while it is read

PackedRows group_of(const Matrix& m, int32_t group) {
  const uint8_t* const first = m.packed + size_t(group) * kTileRows * m.w.row_bytes();
  return {first, first + kAheadBytes};
}

// Rows first_row .. of x.
QuantRows rows_from(const InputRows& in, int32_t first_row) {
  QuantRows x = in.quantised;
  const size_t at = size_t(first_row) * size_t(x.n);
  x.q += at, x.d += at / size_t(in.group), x.sums16 += at / kSumElements;
  return x;
}

// Calls unpack(first block, number) and the product run by run of K.
template <typename F>
void walk(const Format& format, const QuantRows& x, int32_t n_rows, const Tile* tile, float* acc, F&& unpack) {
  const int32_t n_blocks = x.n / kBlock;
  for (int32_t block = 0; block < n_blocks; block += kTileBlocks) {
    const int32_t count = n_blocks - block < kTileBlocks ? n_blocks - block : kTileBlocks;
    unpack(block, count);
    format.dot(acc, tile, &x, n_rows, block, count);
  }
}

}  // namespace

bool takes_rows(const Run& run, const Matrix& a, const Matrix& b) {
  return a.packed && b.packed && a.w.dtype == b.w.dtype && run.kernels.formats[size_t(a.w.dtype)].dot_packed;
}

void multiply_row(const Run& run, const Matrix& a, int32_t group_a, const Matrix& b, int32_t group_b, const InputRows& in,
                  int32_t row, float* acc) {
  const QuantRows x = rows_from(in, row);
  const PackedRows groups[] = {group_of(a, group_a), group_of(b, group_b)};
  run.kernels.formats[size_t(a.w.dtype)].dot_packed(acc, groups, &x, x.n / kBlock);
}

void multiply(const Run& run, const Matrix& m, const InputRows& in, int32_t group, int32_t first_row, int32_t n_rows,
              Tile* tile, float* acc) {
  const Tensor& w = m.w;
  const Format& format = run.kernels.formats[size_t(w.dtype)];
  const int32_t n = w.cols();
  std::memset(acc, 0, size_t(n_rows) * kTileRows * sizeof(float));
  if (m.packed) {
    const PackedRows packed = group_of(m, group);
    return walk(format, rows_from(in, first_row), n_rows, tile, acc,
                [&](int32_t block, int32_t count) { format.unpack_packed(tile, packed, block, count); });
  }
  const uint8_t* rows[kTileRows];
  for (int32_t r = 0; r < kTileRows; ++r) {
    const int32_t row = group * kTileRows + r, last = w.rows() - 1;
    rows[r] = static_cast<const uint8_t*>(w.data) + size_t(row < last ? row : last) * w.strides[0];
  }
  if (in.group == 0) {
    const auto linear = run.call.attrs.exact ? format.exact : format.fast;
    return linear(acc, in.x + size_t(first_row) * size_t(n), n_rows, rows, columns_of(w, group), n);
  }
  const FileRows in_file = {rows, rows[0] + kTileRows * w.strides[0]};
  walk(format, rows_from(in, first_row), n_rows, tile, acc,
       [&](int32_t block, int32_t count) { format.unpack(tile, in_file, block, count); });
}

}  // namespace synapse::cpu
