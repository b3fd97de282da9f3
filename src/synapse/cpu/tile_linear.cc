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

void multiply(const Run& run, const Tensor& w, const InputRows& in, int32_t group, int32_t first_row, int32_t n_rows,
              Tile* tile, float* acc) {
  const Format& format = run.kernels.formats[size_t(w.dtype)];
  const int32_t n = w.cols();
  const uint8_t* rows[kTileRows];
  for (int32_t r = 0; r < kTileRows; ++r) {
    const int32_t row = group * kTileRows + r, last = w.rows() - 1;
    rows[r] = static_cast<const uint8_t*>(w.data) + size_t(row < last ? row : last) * w.strides[0];
  }
  std::memset(acc, 0, size_t(n_rows) * kTileRows * sizeof(float));
  const size_t at = size_t(first_row) * size_t(n);
  if (in.group == 0) {
    const auto linear = run.call.attrs.exact ? format.exact : format.fast;
    return linear(acc, in.x + at, n_rows, rows, columns_of(w, group), n);
  }
  QuantRows x = in.quantised;
  x.q += at, x.d += at / size_t(format.group), x.sums16 += at / kSumElements;
  const int32_t n_blocks = n / kBlock;
  const uint8_t* next_group = rows[0] + kTileRows * w.strides[0];
  const size_t block_bytes = w.row_bytes() * kTileRows / size_t(n_blocks);
  for (int32_t block = 0; block < n_blocks; block += kTileBlocks) {
    const int32_t count = n_blocks - block < kTileBlocks ? n_blocks - block : kTileBlocks;
    format.unpack(tile, rows, block, count, next_group + size_t(block) * block_bytes);
    format.dot(acc, tile, &x, n_rows, block, count);
  }
}

}  // namespace synapse::cpu
