// Moving rows about.
#include "synapse/cpu/run.h"

namespace synapse::cpu {

void run_copy(const Run& run) {
  const Tensor &x = run.call.in[0], &to = run.call.out[0];
  if (x.bytes()) std::memcpy(to.data, x.data, x.bytes());
}

void run_slice(const Run& run) {
  const Tensor &x = run.call.in[0], &out = run.call.out[0];
  const size_t from = size_t(x.cols()), n = size_t(out.cols());
  for (int32_t row = 0; row < x.rows(); ++row)
    std::memcpy(f32_out(out) + size_t(row) * n, f32(x) + size_t(row) * from + size_t(run.call.attrs.first), n * sizeof(float));
}

namespace {

constexpr size_t kWidenBytes = 2048;  // of a packed row at a time

void widen_row(const Run& run, const Tensor& table, const Packed& packed, int32_t from, int32_t to) {
  SYN_CHECK(from >= 0 && from < table.rows());
  const size_t n = size_t(table.cols());
  const auto dequantize = run.kernels.formats[size_t(table.dtype)].dequantize;
  float* const y = f32_out(run.call.out[0]) + size_t(to) * n;
  if (!packed.rows) return dequantize(y, static_cast<const uint8_t*>(table.data) + size_t(from) * table.strides[0], n);
  const size_t elements = size_t(info(table.dtype).block_elements), bytes = size_t(info(table.dtype).block_bytes);
  const size_t blocks = n / elements, most = kWidenBytes / bytes;
  uint8_t row[kWidenBytes];
  for (size_t first = 0; first < blocks; first += most) {
    const size_t count = blocks - first < most ? blocks - first : most;
    unpack_blocks(row, table, packed, from, first, count);
    dequantize(y + first * elements, row, count * elements);
  }
}

// `row_of` gives the row of the table that row t is.
template <typename F>
void widen_rows(const Run& run, int32_t n_rows, F&& row_of) {
  const Tensor& table = run.call.in[0];
  const Packed packed = run.packed ? run.packed->find(table) : Packed{};  // an embedding that is the head too
  parallel(run, n_rows, int64_t(run.call.out[0].size()), [&](int32_t t, int32_t) { widen_row(run, table, packed, row_of(t), t); });
}

}  // namespace

void run_get_rows(const Run& run) {
  const Tensor& ids = run.call.in[1];
  widen_rows(run, ids.cols(), [&](int32_t t) { return static_cast<const int32_t*>(ids.data)[t]; });
}

void run_get_position_rows(const Run& run) {
  const Batch& batch = *run.call.batch;
  widen_rows(run, batch.n_rows, [&](int32_t t) { return position_of(stream_of(batch, t), t); });
}

void run_get_type_rows(const Run& run) {
  const Batch& batch = *run.call.batch;
  widen_rows(run, batch.n_rows, [&](int32_t t) { return batch.types ? batch.types[t] : 0; });
}

}  // namespace synapse::cpu
