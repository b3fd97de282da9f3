// Norms over the last dim of every row.
#include "synapse/cpu/run.h"

namespace synapse::cpu {

void run_norm(const Run& run) {
  const Tensor &x = run.call.in[0], &w = run.call.in[1], &b = run.call.in[2];
  const size_t n = size_t(x.cols());
  const auto norm = run.call.attrs.norm == Norm::rms ? run.kernels.rms_norm : run.kernels.layer_norm;
  const int32_t heads = w.size() > n ? x.dim(1) : 1;  // with weights of their own
  const int32_t grain = units_per_item(x.cols());
  parallel(run, ceil_div(x.rows(), grain), int64_t(x.size()), [&](int32_t item, int32_t) {
    const int32_t end = (item + 1) * grain < x.rows() ? (item + 1) * grain : x.rows();
    for (int32_t row = item * grain; row < end; ++row) {
      const size_t at = size_t(row) * n, own = size_t(row % heads) * n;
      norm(f32_out(run.call.out[0]) + at, f32(x) + at, f32(w) + own, b.empty() ? nullptr : f32(b) + own,
           run.call.attrs.eps, n);
    }
  });
}

}  // namespace synapse::cpu
