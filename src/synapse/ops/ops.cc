#include "synapse/ops/ops.h"

#include "synapse/ops/call.h"

namespace synapse::ops {
namespace {

using namespace detail;

void check_linear(const Tensor& x, const Linear& l) {
  SYN_CHECK(is_f32_rows(x) && l.w.rank == 2 && l.w.cols() == x.cols());
  SYN_CHECK(l.b.empty() || (l.b.dtype == DType::f32 && l.b.cols() == l.w.rows()));
}

void check_norm(const Tensor& x, const NormWeights& n) {
  const size_t each_head = x.rank == 3 ? size_t(x.dim(1)) * size_t(x.cols()) : 0;
  SYN_CHECK(x.dtype == DType::f32 && n.w.dtype == DType::f32);
  SYN_CHECK(n.w.size() == size_t(x.cols()) || n.w.size() == each_head);
  SYN_CHECK(n.b.empty() || (n.b.dtype == DType::f32 && n.b.size() == n.w.size()));
}

}  // namespace

Tensor view(Context& cx, Tensor x, std::initializer_list<int32_t> dims) {
  SYN_CHECK(x.contiguous());
  OpCall call = make_call(Op::view, {x});
  call.out[0] = make_tensor(x.data, x.dtype, dims), call.n_out = 1;
  SYN_CHECK(call.out[0].size() == x.size());
  if (cx.recorder) cx.recorder->on_call(call);
  return call.out[0];
}

Tensor part(Context& cx, Tensor x, int32_t i) {
  SYN_CHECK(x.rank == 3 && x.contiguous() && i >= 0 && i < x.dims[0]);
  OpCall call = make_call(Op::view, {x});
  call.out[0] = make_tensor(static_cast<uint8_t*>(x.data) + size_t(i) * x.strides[0], x.dtype, {x.dims[1], x.dims[2]});
  call.n_out = 1;
  if (cx.recorder) cx.recorder->on_call(call);
  return call.out[0];
}

Tensor copy(Context& cx, Tensor x, Tensor to) {
  SYN_CHECK(same_shape(x, to) && x.dtype == to.dtype && x.contiguous() && to.contiguous());
  OpCall call = make_call(Op::copy, {x});
  return run(cx, call, to);
}

Tensor slice(Context& cx, Tensor x, int32_t first, int32_t n) {
  SYN_CHECK(x.rank == 3 && x.dtype == DType::f32 && x.contiguous() && first >= 0 && n > 0 && first + n <= x.cols());
  OpCall call = make_call(Op::slice, {x});
  call.attrs.first = first;
  return run(cx, call, cx.make(DType::f32, {x.dims[0], x.dims[1], n}));
}

Tensor get_rows(Context& cx, Tensor table, Tensor ids) {
  SYN_CHECK(table.rank == 2 && ids.rank == 1 && ids.dtype == DType::i32);
  OpCall call = make_call(Op::get_rows, {table, ids});
  return run(cx, call, cx.make(DType::f32, {ids.cols(), table.cols()}));
}

Tensor get_position_rows(Context& cx, Tensor table, const Batch& batch) {
  SYN_CHECK(table.rank == 2);
  OpCall call = make_call(Op::get_position_rows, {table}, &batch);
  return run(cx, call, cx.make(DType::f32, {batch.n_rows, table.cols()}));
}

Tensor get_type_rows(Context& cx, Tensor table, const Batch& batch) {
  SYN_CHECK(table.rank == 2);
  OpCall call = make_call(Op::get_type_rows, {table}, &batch);
  return run(cx, call, cx.make(DType::f32, {batch.n_rows, table.cols()}));
}

Tensor linear(Context& cx, Tensor x, const Linear& l) {
  check_linear(x, l);
  OpCall call = make_call(Op::linears, {x, l.w, l.b});
  call.attrs.exact = cx.exact_floats;
  return run(cx, call, cx.make(DType::f32, {x.rows(), l.w.rows()}));
}

std::array<Tensor, 3> norm_linears(Context& cx, Tensor x, const NormWeights& n, std::span<const Linear> ws) {
  SYN_CHECK(ws.size() >= 1 && ws.size() <= 3);
  OpCall call = n.w.empty() ? make_call(Op::linears, {x}) : make_call(Op::norm_linears, {x, n.w, n.b});
  if (!n.w.empty()) check_norm(x, n);
  call.attrs.norm = n.kind, call.attrs.eps = n.eps, call.attrs.exact = cx.exact_floats;
  for (const Linear& l : ws) {
    check_linear(x, l);
    call.in[call.n_in++] = l.w, call.in[call.n_in++] = l.b;
    call.out[call.n_out++] = cx.make(DType::f32, {x.rows(), l.w.rows()});
  }
  cx.run(call);
  return {call.out[0], call.out[1], call.out[2]};
}

Screened norm_screen(Context& cx, Tensor x, const NormWeights& n, Tensor w) {
  check_linear(x, {w, {}});
  SYN_CHECK(x.rows() == 1);
  if (!n.w.empty()) check_norm(x, n);
  OpCall call = make_call(Op::norm_screen, {x, n.w, n.b, w});
  call.attrs.norm = n.kind, call.attrs.eps = n.eps;
  call.out[call.n_out++] = cx.make(DType::f32, {w.rows()});
  for (int i = 0; i < 2; ++i) call.out[call.n_out++] = cx.make(DType::f32, {(w.rows() + 15) / 16});
  cx.run(call);
  return {call.out[0], call.out[1], call.out[2]};
}

Tensor norm_linear_groups(Context& cx, Tensor x, const NormWeights& n, Tensor w, Tensor groups) {
  check_linear(x, {w, {}});
  SYN_CHECK(x.rows() == 1 && groups.rank == 1 && groups.dtype == DType::i32);
  if (!n.w.empty()) check_norm(x, n);
  OpCall call = make_call(Op::norm_linear_groups, {x, n.w, n.b, w, groups});
  call.attrs.norm = n.kind, call.attrs.eps = n.eps;
  return run(cx, call, cx.make(DType::f32, {groups.cols(), 16}));
}

Tensor gated_linears(Context& cx, Tensor x, const Linear& gate, const Linear& up, Act act) {
  check_linear(x, gate), check_linear(x, up);
  SYN_CHECK(gate.w.rows() == up.w.rows());
  OpCall call = make_call(Op::gated_linears, {x, gate.w, up.w, gate.b, up.b});
  call.attrs.act = act, call.attrs.exact = cx.exact_floats;
  return run(cx, call, cx.make(DType::f32, {x.rows(), gate.w.rows()}));
}

Tensor linear_add(Context& cx, Tensor x, const Linear& l, Tensor residual) {
  check_linear(x, l);
  SYN_CHECK(is_f32_rows(residual) && residual.rows() == x.rows() && residual.cols() == l.w.rows());
  OpCall call = make_call(Op::linear_add, {x, l.w, l.b, residual});
  call.attrs.exact = cx.exact_floats;
  return run(cx, call, cx.make(DType::f32, {x.rows(), l.w.rows()}));
}

Tensor norm(Context& cx, Tensor x, const NormWeights& n) {
  check_norm(x, n);
  OpCall call = make_call(Op::norm, {x, n.w, n.b});
  call.attrs.norm = n.kind, call.attrs.eps = n.eps;
  return run(cx, call, like(cx, x));
}

Tensor activate(Context& cx, Tensor x, Act act) {
  OpCall call = make_call(Op::activate, {x});
  call.attrs.act = act;
  return run(cx, call, like(cx, x));
}

Tensor add(Context& cx, Tensor a, Tensor b) {
  SYN_CHECK(same_shape(a, b));
  OpCall call = make_call(Op::add, {a, b});
  return run(cx, call, like(cx, a));
}

Tensor gate(Context& cx, Tensor g, Tensor u, Act act) {
  SYN_CHECK(g.size() == u.size() && g.contiguous() && u.contiguous());
  OpCall call = make_call(Op::gate, {g, u});
  call.attrs.act = act;
  return run(cx, call, like(cx, u));
}

Tensor lerp(Context& cx, Tensor a, Tensor b, Tensor t) {
  SYN_CHECK(same_shape(a, b) && same_shape(a, t) && a.contiguous() && b.contiguous() && t.contiguous());
  OpCall call = make_call(Op::lerp, {a, b, t});
  return run(cx, call, like(cx, a));
}

Tensor scale(Context& cx, Tensor x, float factor) {
  OpCall call = make_call(Op::scale, {x});
  call.attrs.factor = factor;
  return run(cx, call, like(cx, x));
}

Tensor soft_cap(Context& cx, Tensor x, float cap) {
  SYN_CHECK(cap > 0);
  OpCall call = make_call(Op::soft_cap, {x});
  call.attrs.softcap = cap;
  return run(cx, call, like(cx, x));
}

std::array<Tensor, 2> rope(Context& cx, Tensor q, Tensor k, const RopeAttrs& r, const Batch& batch) {
  SYN_CHECK(q.rank == 3 && k.rank == 3 && q.dims[0] == batch.n_rows && k.dims[0] == batch.n_rows);
  SYN_CHECK(q.cols() == k.cols() && r.n_rot % 2 == 0 && r.n_rot <= q.cols() && r.inv_freq.cols() == r.n_rot / 2);
  SYN_CHECK(r.inv_freq_long.empty() || r.inv_freq_long.cols() == r.n_rot / 2);
  OpCall call = make_call(Op::rope, {q, k, r.inv_freq, r.inv_freq_long}, &batch);
  call.attrs.rope = r.style, call.attrs.n_rot = r.n_rot;
  call.attrs.factor = r.factor, call.attrs.long_after = r.long_after;
  call.out[0] = like(cx, q), call.out[1] = like(cx, k), call.n_out = 2;
  cx.run(call);
  return {call.out[0], call.out[1]};
}

void kv_append(Context& cx, Tensor k, Tensor v, const Batch& batch, int32_t kv_slot) {
  SYN_CHECK(k.rank == 3 && same_shape(k, v) && k.dims[0] == batch.n_rows);
  OpCall call = make_call(Op::kv_append, {k, v}, &batch);
  call.attrs.kv_slot = kv_slot;
  cx.run(call);
}

namespace {

OpCall attention_call(const Tensor& q, const Batch& batch, const AttentionAttrs& a) {
  SYN_CHECK(q.rank == 3 && q.dims[0] == batch.n_rows && a.n_kv_heads > 0 && q.dims[1] % a.n_kv_heads == 0);
  OpCall call = make_call(Op::attention, {q}, &batch);
  call.attrs.kv_slot = a.kv_slot, call.attrs.n_kv_heads = a.n_kv_heads;
  SYN_CHECK(a.causal || a.window == 0);
  call.attrs.factor = a.factor, call.attrs.softcap = a.softcap;
  call.attrs.window = a.window, call.attrs.causal = a.causal;
  return call;
}

}  // namespace

Tensor attention(Context& cx, Tensor q, const Batch& batch, const AttentionAttrs& attrs) {
  OpCall call = attention_call(q, batch, attrs);
  return run(cx, call, like(cx, q));
}

Attended attention_received(Context& cx, Tensor q, const Batch& batch, const AttentionAttrs& attrs, int32_t from) {
  SYN_CHECK(batch.streams.size() == 1);
  OpCall call = attention_call(q, batch, attrs);
  call.attrs.received_from = from;
  const Stream& s = batch.streams[0];
  call.out[0] = like(cx, q);
  call.out[1] = cx.make(DType::f32, {attrs.n_kv_heads, s.position + s.n_rows});
  call.n_out = 2;
  cx.run(call);
  return {call.out[0], call.out[1]};
}

Routed route(Context& cx, Tensor scores, const RouteAttrs& a) {
  SYN_CHECK(is_f32_rows(scores) && a.n_used >= 1 && a.n_used <= scores.cols());
  SYN_CHECK(a.bias.empty() || (a.bias.dtype == DType::f32 && a.bias.cols() == scores.cols()));
  OpCall call = make_call(Op::route, {scores, a.bias});
  call.attrs.gating = a.gating, call.attrs.renormalise = a.renormalise, call.attrs.factor = a.factor;
  call.out[0] = cx.make(DType::i32, {scores.rows(), a.n_used});
  call.out[1] = cx.make(DType::f32, {scores.rows(), a.n_used}), call.n_out = 2;
  cx.run(call);
  return {call.out[0], call.out[1]};
}

Tensor expert_gated_linears(Context& cx, Tensor x, const Routed& routed, Tensor gate, Tensor up, Act act) {
  const Tensor& experts = routed.experts;
  SYN_CHECK(is_f32_rows(x) && experts.rank == 2 && experts.dtype == DType::i32 && experts.rows() == x.rows());
  SYN_CHECK(gate.rank == 3 && gate.cols() == x.cols() && same_shape(gate, up) && gate.contiguous() && up.contiguous());
  OpCall call = make_call(Op::expert_gated_linears, {x, experts, gate, up});
  call.attrs.act = act, call.attrs.exact = cx.exact_floats;
  return run(cx, call, cx.make(DType::f32, {x.rows(), experts.cols(), gate.dims[1]}));
}

Tensor expert_linears(Context& cx, Tensor x, const Routed& routed, Tensor w) {
  const Tensor& experts = routed.experts;
  SYN_CHECK(x.rank == 3 && x.dtype == DType::f32 && x.contiguous() && experts.rank == 2 && experts.dtype == DType::i32);
  SYN_CHECK(experts.dims[0] == x.dims[0] && experts.dims[1] == x.dims[1]);
  SYN_CHECK(w.rank == 3 && w.cols() == x.cols() && w.contiguous());
  OpCall call = make_call(Op::expert_linears, {x, experts, w});
  call.attrs.exact = cx.exact_floats;
  return run(cx, call, cx.make(DType::f32, {x.dims[0], x.dims[1], w.dims[1]}));
}

Tensor expert_sum(Context& cx, Tensor x, Tensor weights, Tensor residual) {
  SYN_CHECK(x.rank == 3 && x.contiguous() && weights.rank == 2);
  SYN_CHECK(weights.dims[0] == x.dims[0] && weights.dims[1] == x.dims[1]);
  SYN_CHECK(residual.empty() || (is_f32_rows(residual) && residual.rows() == x.dims[0] && residual.cols() == x.cols()));
  OpCall call = make_call(Op::expert_sum, {x, weights, residual});
  return run(cx, call, cx.make(DType::f32, {x.dims[0], x.cols()}));
}

}  // namespace synapse::ops
