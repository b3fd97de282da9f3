#include "synapse/ops/scan.h"

#include "synapse/ops/call.h"

namespace synapse::ops {
namespace {

using namespace detail;

int64_t padded(int32_t n) { return (n + 15) / 16 * 16; }  // lanes of a kernel
bool has(const Tensor& t, int32_t n) { return t.dtype == DType::f32 && t.contiguous() && t.size() == size_t(n); }

OpCall make_scan(Op op, std::initializer_list<Tensor> in, const Batch& batch, int32_t state_row) {
  OpCall call = make_call(op, in, &batch);
  SYN_CHECK(call.in[0].dims[0] == batch.n_rows && call.in[0].dtype == DType::f32 && call.in[0].contiguous());
  call.attrs.state_row = state_row;
  return call;
}

}  // namespace

Tensor token_shift(Context& cx, Tensor x, Tensor mix, const Batch& batch, int32_t state_row) {
  SYN_CHECK(is_f32_rows(x) && is_f32_rows(mix) && mix.cols() == x.cols());
  OpCall call = make_scan(Op::token_shift, {x, mix}, batch, state_row);
  return run(cx, call, cx.make(DType::f32, {mix.rows(), x.rows(), x.cols()}));
}

Tensor conv1d(Context& cx, Tensor x, const Conv1dWeights& conv, const Batch& batch, int32_t state_row) {
  SYN_CHECK(is_f32_rows(x) && is_f32_rows(conv.w) && conv.w.rows() == x.cols());
  SYN_CHECK(conv.w.cols() >= 1 && conv.w.cols() <= kMostTaps && (conv.b.empty() || has(conv.b, x.cols())));
  SYN_CHECK(conv.act == Act::silu || conv.act == Act::none);
  OpCall call = make_scan(Op::conv1d, {x, conv.w, conv.b}, batch, state_row);
  call.attrs.act = conv.act;
  return run(cx, call, like(cx, x));
}

int64_t selective_scan_state(int32_t C, int32_t N) { return padded(C) * N; }

Tensor selective_scan(Context& cx, const SelectiveScanInputs& in, const Batch& batch, int32_t state_row) {
  SYN_CHECK(is_f32_rows(in.x) && is_f32_rows(in.dt) && same_shape(in.x, in.dt));
  SYN_CHECK(is_f32_rows(in.B) && is_f32_rows(in.C) && same_shape(in.B, in.C) && in.B.rows() == in.x.rows());
  SYN_CHECK(is_f32_rows(in.A) && in.A.rows() == in.x.cols() && in.A.cols() == in.B.cols() && has(in.D, in.x.cols()));
  OpCall call = make_scan(Op::selective_scan, {in.x, in.dt, in.B, in.C, in.A, in.D}, batch, state_row);
  return run(cx, call, like(cx, in.x));
}

int64_t ssd_scan_state(int32_t H, int32_t P, int32_t N) { return H * padded(P) * N; }

Tensor ssd_scan(Context& cx, Tensor xBC, Tensor dt, const SsdParams& p, const Batch& batch, int32_t state_row) {
  const int32_t H = dt.cols(), values = xBC.cols() - 2 * p.n_groups * p.n_state;
  SYN_CHECK(is_f32_rows(xBC) && is_f32_rows(dt) && dt.rows() == xBC.rows() && p.n_groups > 0 && p.n_state > 0);
  SYN_CHECK(values > 0 && values % H == 0 && H % p.n_groups == 0 && has(p.A, H) && has(p.D, H) && has(p.dt_bias, H));
  OpCall call = make_scan(Op::ssd_scan, {xBC, dt, p.A, p.D, p.dt_bias}, batch, state_row);
  call.attrs.n_groups = p.n_groups, call.attrs.n_state = p.n_state;
  call.attrs.dt_min = p.dt_min, call.attrs.dt_max = p.dt_max;
  return run(cx, call, cx.make(DType::f32, {xBC.rows(), values}));
}

int64_t wkv7_state(int32_t H, int32_t D) { return H * padded(D) * D; }

Tensor wkv7(Context& cx, const Wkv7Inputs& in, const Wkv7Params& p, const Batch& batch, int32_t state_row) {
  for (const Tensor* t : {&in.r, &in.w, &in.k, &in.v, &in.a})
    SYN_CHECK(t->rank == 3 && t->dtype == DType::f32 && t->contiguous() && same_shape(*t, in.r));
  const int32_t n = in.r.dims[1] * in.r.dims[2];
  for (const Tensor* t : {&p.k_k, &p.k_a, &p.r_k, &p.norm_w, &p.norm_b}) SYN_CHECK(has(*t, n));
  OpCall call = make_scan(Op::wkv7, {in.r, in.w, in.k, in.v, in.a, p.k_k, p.k_a, p.r_k, p.norm_w, p.norm_b}, batch, state_row);
  call.attrs.eps = p.eps;
  return run(cx, call, like(cx, in.r));
}

int64_t gated_delta_state(int32_t H, int32_t n_keys, int32_t n_values) { return H * padded(n_values) * n_keys; }

Tensor gated_delta(Context& cx, Tensor qkv, Tensor dt, Tensor beta, const GatedDeltaParams& p, const Batch& batch,
                   int32_t state_row) {
  const int32_t H = dt.cols(), values = qkv.cols() - 2 * p.n_groups * p.n_keys;
  SYN_CHECK(is_f32_rows(qkv) && is_f32_rows(dt) && is_f32_rows(beta) && same_shape(dt, beta) && dt.rows() == qkv.rows());
  SYN_CHECK(p.n_groups > 0 && p.n_keys > 0 && values > 0 && values % H == 0 && H % p.n_groups == 0);
  SYN_CHECK(has(p.A, H) && has(p.dt_bias, H));
  OpCall call = make_scan(Op::gated_delta, {qkv, dt, beta, p.A, p.dt_bias}, batch, state_row);
  call.attrs.n_groups = p.n_groups, call.attrs.n_state = p.n_keys, call.attrs.eps = p.eps;
  call.attrs.factor = 1.0f / __builtin_sqrtf(float(p.n_keys));
  return run(cx, call, cx.make(DType::f32, {qkv.rows(), values}));
}

}  // namespace synapse::ops
