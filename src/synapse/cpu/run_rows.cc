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

void widen_row(const Run& run, const Tensor& table, int32_t from, int32_t to) {
  SYN_CHECK(from >= 0 && from < table.rows());
  const size_t n = size_t(table.cols());
  run.kernels.formats[size_t(table.dtype)].dequantize(
      f32_out(run.call.out[0]) + size_t(to) * n, static_cast<const uint8_t*>(table.data) + size_t(from) * table.strides[0], n);
}

}  // namespace

void run_get_rows(const Run& run) {
  const Tensor &table = run.call.in[0], &ids = run.call.in[1];
  parallel(run, ids.cols(), int64_t(run.call.out[0].size()),
           [&](int32_t t, int32_t) { widen_row(run, table, static_cast<const int32_t*>(ids.data)[t], t); });
}

void run_get_position_rows(const Run& run) {
  const Batch& batch = *run.call.batch;
  parallel(run, batch.n_rows, int64_t(run.call.out[0].size()),
           [&](int32_t t, int32_t) { widen_row(run, run.call.in[0], position_of(stream_of(batch, t), t), t); });
}

void run_get_type_rows(const Run& run) {
  const Batch& batch = *run.call.batch;
  parallel(run, batch.n_rows, int64_t(run.call.out[0].size()),
           [&](int32_t t, int32_t) { widen_row(run, run.call.in[0], batch.types ? batch.types[t] : 0, t); });
}

}  // namespace synapse::cpu
