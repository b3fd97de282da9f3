#include "synapse/nn/mamba2.h"

#include "synapse/nn/recurrent.h"

namespace synapse {
namespace {

struct Mamba2 final : Block {
  ops::NormWeights norm;
  ops::Linear in_z, in_xBC, in_dt;  // rows of one matrix
  ops::Conv1dWeights conv;
  ops::SsdParams ssd;
  ops::NormWeights inner_norm;      // without weights: none
  bool norm_before_gate = false;
  int32_t n_norm_groups = 1;
  ops::Linear out;
  int32_t conv_row = 0, scan_row = 0;
  Join join;

  Tensor normed(Context& cx, Tensor y) const {
    if (inner_norm.w.empty()) return y;
    const int32_t T = y.dims[0], n = y.cols();
    y = ops::norm(cx, ops::view(cx, y, {T, n_norm_groups, n / n_norm_groups}), inner_norm);
    return ops::view(cx, y, {T, n});
  }

  Tensor forward(Context& cx, Tensor x, Tensor residual, const Batch& batch) const override {
    const ops::Linear in[] = {in_z, in_xBC, in_dt};
    auto [z, xBC, dt] = ops::norm_linears(cx, x, norm, in);
    xBC = ops::conv1d(cx, xBC, conv, batch, conv_row);
    Tensor y = ops::ssd_scan(cx, xBC, dt, ssd, batch, scan_row);
    y = norm_before_gate ? ops::gate(cx, z, normed(cx, y), Act::silu) : normed(cx, ops::gate(cx, z, y, Act::silu));
    return join.add_linear(cx, y, out, residual);
  }
};

void read_inner_norm(const BlockParts& parts, Mamba2& b) {
  const Config& c = parts.config;
  if (!parts.weights.has("ssm_norm.weight")) return;
  const Tensor w = parts.weights.get_any("ssm_norm.weight", c.ssm_inner);
  if (w.empty()) return;
  if (w.rank == 2) b.n_norm_groups = w.dims[0];
  b.inner_norm = {Norm::rms, c.norm_eps, make_tensor(w.data, w.dtype, {c.ssm_inner}), {}};
  b.norm_before_gate = c.ssm_norm_before_gate;
}

}  // namespace

const Block* make_mamba2(BlockParts& parts) {
  const Config& c = parts.config;
  const Weights& w = parts.weights;
  const int32_t di = c.ssm_inner, N = c.ssm_state, H = c.ssm_dt_rank, G = c.ssm_groups > 0 ? c.ssm_groups : 1;
  bool complete = wants(parts, {{"ssm.inner_size", di}, {"ssm.state_size", N}, {"ssm.time_step_rank", H}});
  if (complete && (di % H || H % G)) {
    parts.faults.add("ssm.inner_size ", di, ", ", H, " heads and ", G, " groups do not divide");
    complete = false;
  }
  Mamba2* b = complete ? place_block<Mamba2>(parts, "mamba2") : nullptr;
  if (!b) return nullptr;
  const int32_t conv = di + 2 * G * N;
  b->norm = read_norm(parts, "attn_norm", c.dim);
  const ops::Linear in = read_linear(w, "ssm_in", di + conv + H, c.dim);
  b->in_z = rows_of(in, 0, di), b->in_xBC = rows_of(in, di, conv), b->in_dt = rows_of(in, di + conv, H);
  b->conv = read_conv(parts, conv);
  b->ssd = {get_elements(parts, "ssm_a", H), get_elements(parts, "ssm_d", H), get_elements(parts, "ssm_dt.bias", H), G, N,
            c.ssm_dt_min, c.ssm_dt_max};
  read_inner_norm(parts, *b);
  b->out = read_linear(w, "ssm_out", c.dim, di);
  b->join = read_join(parts, "post_ssm_norm", "ssm_output_norm");
  b->conv_row = add_state(parts, ops::conv1d_state(conv, c.ssm_conv));
  b->scan_row = add_state(parts, ops::ssd_scan_state(H, di / H, N));
  return b;
}

}  // namespace synapse
