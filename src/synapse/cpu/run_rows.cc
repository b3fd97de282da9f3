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

void run_get_rows(const Run& run) {
  const Tensor &table = run.call.in[0], &ids = run.call.in[1], &out = run.call.out[0];
  const auto dequantize = run.kernels.formats[size_t(table.dtype)].dequantize;
  const size_t n = size_t(table.cols());
  parallel(run, ids.cols(), int64_t(out.size()), [&](int32_t t, int32_t) {
    const int32_t id = static_cast<const int32_t*>(ids.data)[t];
    SYN_CHECK(id >= 0 && id < table.rows());
    dequantize(f32_out(out) + size_t(t) * n, static_cast<const uint8_t*>(table.data) + size_t(id) * table.strides[0], n);
  });
}

}  // namespace synapse::cpu
