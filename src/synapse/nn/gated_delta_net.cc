#include "synapse/nn/gated_delta_net.h"

#include "synapse/nn/recurrent.h"

namespace synapse {
namespace {

struct GatedDeltaNet final : Block {
  int32_t n_heads = 0, n_groups = 0, n_values = 0;  // heads of values, heads of keys, size of a value
  ops::NormWeights norm;
  ops::Linear qkv, z;
  ops::Linear gates;  // (2 n_heads, dim): for each group its heads' beta, then their dt
  ops::Conv1dWeights conv;
  ops::GatedDeltaParams delta;
  ops::NormWeights head_norm;
  ops::Linear out;
  int32_t conv_row = 0, scan_row = 0;
  Join join;

  Tensor forward(Context& cx, Tensor x, Tensor residual, const Batch& batch) const override {
    const int32_t T = x.dims[0], H = n_heads, each = n_heads / n_groups;
    const ops::Linear in[] = {qkv, z, gates};
    auto [mixed, xz, ba] = ops::norm_linears(cx, x, norm, in);
    mixed = ops::conv1d(cx, mixed, conv, batch, conv_row);
    ba = ops::view(cx, ba, {T, n_groups, 2 * each});
    const Tensor beta = ops::view(cx, ops::slice(cx, ba, 0, each), {T, H});
    const Tensor dt = ops::view(cx, ops::slice(cx, ba, each, each), {T, H});
    Tensor y = ops::gated_delta(cx, mixed, dt, beta, delta, batch, scan_row);
    y = ops::view(cx, ops::norm(cx, ops::view(cx, y, {T, H, n_values}), head_norm), {T, H * n_values});
    return join.add_linear(cx, ops::gate(cx, xz, y, Act::silu), out, residual);
  }
};

}  // namespace

const Block* make_gated_delta_net(BlockParts& parts) {
  const Config& c = parts.config;
  const Weights& w = parts.weights;
  const int32_t K = c.ssm_state, G = c.ssm_groups, H = c.ssm_dt_rank, values = c.ssm_inner;
  bool complete = wants(parts, {{"ssm.inner_size", values}, {"ssm.state_size", K}, {"ssm.time_step_rank", H}, {"ssm.group_count", G}});
  if (complete && (values % H || H % G)) {
    parts.faults.add("ssm.inner_size ", values, ", ", H, " heads and ", G, " groups do not divide");
    complete = false;
  }
  GatedDeltaNet* b = complete ? place_block<GatedDeltaNet>(parts, "gated_delta_net") : nullptr;
  if (!b) return nullptr;
  const int32_t V = values / H, conv = 2 * G * K + values;
  b->n_heads = H, b->n_groups = G, b->n_values = V;
  b->norm = read_norm(parts, "attn_norm", c.dim);
  b->qkv = read_linear(w, "attn_qkv", conv, c.dim), b->z = read_linear(w, "attn_gate", values, c.dim);
  b->gates = read_linear(w, "ssm_ba", 2 * H, c.dim);
  b->conv = read_conv(parts, conv);
  b->delta.A = get_elements(parts, "ssm_a", H), b->delta.dt_bias = get_elements(parts, "ssm_dt.bias", H);
  b->delta.n_groups = G, b->delta.n_keys = K;
  b->head_norm = {Norm::rms, c.norm_eps, w.get_vector("ssm_norm.weight", V), {}};
  b->out = read_linear(w, "ssm_out", c.dim, values);
  b->join = read_join(parts, "post_ssm_norm", "ssm_output_norm");
  b->conv_row = add_state(parts, ops::conv1d_state(conv, c.ssm_conv));
  b->scan_row = add_state(parts, ops::gated_delta_state(H, K, V));
  return b;
}

}  // namespace synapse
