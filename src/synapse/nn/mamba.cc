#include "synapse/nn/mamba.h"

#include "synapse/nn/recurrent.h"

namespace synapse {
namespace {

struct Mamba final : Block {
  ops::NormWeights norm;
  ops::Linear in_u, in_z;
  ops::Conv1dWeights conv;
  ops::Linear low_dt, B, C;               // rows of one matrix
  ops::NormWeights dt_norm, B_norm, C_norm;  // without weights: none
  ops::Linear dt, out;
  Tensor A, D;
  int32_t conv_row = 0, scan_row = 0;
  Join join;

  Tensor forward(Context& cx, Tensor x, Tensor residual, const Batch& batch) const override {
    const ops::Linear in[] = {in_u, in_z}, low[] = {low_dt, B, C};
    auto [u, z, none] = ops::norm_linears(cx, x, norm, in);
    u = ops::conv1d(cx, u, conv, batch, conv_row);
    auto [d, b, c] = ops::norm_linears(cx, u, {}, low);
    if (!dt_norm.w.empty()) d = ops::norm(cx, d, dt_norm), b = ops::norm(cx, b, B_norm), c = ops::norm(cx, c, C_norm);
    d = ops::linear(cx, d, dt);
    const Tensor y = ops::selective_scan(cx, {u, d, b, c, A, D}, batch, scan_row);
    return join.add_linear(cx, ops::gate(cx, z, y, Act::silu), out, residual);
  }
};

// Weights of Jamba, or ones where Falcon-Mamba normalises without weights.
void read_inner_norms(BlockParts& parts, Mamba& b) {
  const Config& c = parts.config;
  const Weights& w = parts.weights;
  if (w.has("ssm_dt_norm.weight")) {
    b.dt_norm = {Norm::rms, c.norm_eps, w.get_vector("ssm_dt_norm.weight", c.ssm_dt_rank), {}};
    b.B_norm = {Norm::rms, c.norm_eps, w.get_vector("ssm_b_norm.weight", c.ssm_state), {}};
    b.C_norm = {Norm::rms, c.norm_eps, w.get_vector("ssm_c_norm.weight", c.ssm_state), {}};
  } else if (c.ssm_dt_b_c_rms) {
    const float eps = c.ssm_dt_b_c_eps > 0 ? c.ssm_dt_b_c_eps : c.norm_eps;
    const int32_t n = c.ssm_dt_rank > c.ssm_state ? c.ssm_dt_rank : c.ssm_state;
    float* ones = parts.arena.array<float>(size_t(n));
    if (!ones) return parts.faults.add("blk.", parts.layer, ": no room for ", n, " ones");
    for (int32_t i = 0; i < n; ++i) ones[i] = 1;
    const auto prepared = parts.device.prepare("ones", make_tensor(ones, DType::f32, {n}), parts.arena);
    if (!prepared.ok()) return parts.faults.add(prepared.status().message());
    const auto first = [&](int32_t count) { return make_tensor(prepared->data, DType::f32, {count}); };
    b.dt_norm = {Norm::rms, eps, first(c.ssm_dt_rank), {}};
    b.B_norm = b.C_norm = {Norm::rms, eps, first(c.ssm_state), {}};
  }
}

}  // namespace

const Block* make_mamba(BlockParts& parts) {
  const Config& c = parts.config;
  const Weights& w = parts.weights;
  const int32_t di = c.ssm_inner, N = c.ssm_state, rank = c.ssm_dt_rank;
  const bool complete = wants(parts, {{"ssm.inner_size", di}, {"ssm.state_size", N}, {"ssm.time_step_rank", rank}});
  Mamba* b = complete ? place_block<Mamba>(parts, "mamba") : nullptr;
  if (!b) return nullptr;
  b->norm = read_norm(parts, "attn_norm", c.dim);
  const ops::Linear in = read_linear(w, "ssm_in", 2 * di, c.dim);
  b->in_u = rows_of(in, 0, di), b->in_z = rows_of(in, di, di);
  b->conv = read_conv(parts, di);
  const ops::Linear low = read_linear(w, "ssm_x", rank + 2 * N, di);
  b->low_dt = rows_of(low, 0, rank), b->B = rows_of(low, rank, N), b->C = rows_of(low, rank + N, N);
  read_inner_norms(parts, *b);
  b->dt = read_linear(w, "ssm_dt", di, rank);
  const Tensor A = get_elements(parts, "ssm_a", di * N);
  if (!A.empty()) b->A = make_tensor(A.data, A.dtype, {di, N});
  b->D = get_elements(parts, "ssm_d", di);
  b->out = read_linear(w, "ssm_out", c.dim, di);
  b->join = read_join(parts, "post_ssm_norm", "ssm_output_norm");
  b->conv_row = add_state(parts, ops::conv1d_state(di, c.ssm_conv));
  b->scan_row = add_state(parts, ops::selective_scan_state(di, N));
  return b;
}

}  // namespace synapse
