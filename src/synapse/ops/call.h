// What the rules of this folder have in common.
#pragma once
#include "synapse/tensor/device.h"

namespace synapse::ops::detail {

inline OpCall make_call(Op op, std::initializer_list<Tensor> in, const Batch* batch = nullptr) {
  OpCall call;
  call.op = op;
  for (const Tensor& t : in) call.in[call.n_in++] = t;
  call.batch = batch;
  return call;
}

inline Tensor run(Context& cx, OpCall& call, Tensor out) {
  call.out[0] = out, call.n_out = 1;
  cx.run(call);
  return call.out[0];
}

inline Tensor like(Context& cx, const Tensor& x) {
  if (x.rank == 3) return cx.make(DType::f32, {x.dims[0], x.dims[1], x.dims[2]});
  SYN_CHECK(x.rank == 2);
  return cx.make(DType::f32, {x.dims[0], x.dims[1]});
}

inline bool is_f32_rows(const Tensor& x) { return x.rank == 2 && x.dtype == DType::f32 && x.contiguous(); }

}  // namespace synapse::ops::detail
