#include "synapse/nn/moe_ffn.h"

#include <new>

#include "synapse/nn/norm.h"

namespace synapse {
namespace {

struct MoeFfn final : Block {
  ops::NormWeights norm;
  ops::Linear router;
  ops::RouteAttrs route;
  Tensor gate, up, down;  // (E, hidden, dim) twice, (E, dim, hidden)
  Act act = Act::silu;
  ops::Linear shared_gate, shared_up, shared_down;  // of the expert that all tokens share; empty: none
  ops::Linear shared_weight;      // (1, dim); empty: its weight is 1
  Join join;

  Tensor forward(Context& cx, Tensor x, Tensor residual, const Batch&) const override {
    Tensor h = norm.w.empty() ? x : ops::norm(cx, x, norm);
    if (join.is_sum()) return sum(cx, h, residual);
    return join.add(cx, sum(cx, h, {}), residual);
  }

  // The experts' outputs, added to `y` if there is one.
  Tensor sum(Context& cx, Tensor h, Tensor y) const {
    ops::Routed routed = ops::route(cx, ops::linear(cx, h, router), route);
    Tensor g = ops::expert_gated_linears(cx, h, routed, gate, up, act);
    y = ops::expert_sum(cx, ops::expert_linears(cx, g, routed, down), routed.weights, y);
    if (shared_up.w.empty()) return y;
    Tensor s = ops::gated_linears(cx, h, shared_gate, shared_up, act);
    if (shared_weight.w.empty()) return ops::linear_add(cx, s, shared_down, y);
    Tensor weight = ops::activate(cx, ops::linear(cx, h, shared_weight), Act::sigmoid);
    s = ops::linear(cx, s, shared_down);
    return ops::expert_sum(cx, ops::view(cx, s, {s.rows(), 1, s.cols()}), weight, y);
  }
};

void read_shared_expert(const BlockParts& parts, MoeFfn& b) {
  const Config& c = parts.config;
  const Weights& w = parts.weights;
  const int32_t F = c.shared_hidden_dim;
  if (!w.has("ffn_up_shexp.weight")) return;
  b.shared_gate = read_linear(w, "ffn_gate_shexp", F, c.dim), b.shared_up = read_linear(w, "ffn_up_shexp", F, c.dim);
  b.shared_down = read_linear(w, "ffn_down_shexp", c.dim, F);
  b.shared_weight.w = w.find_row("ffn_gate_inp_shexp.weight", c.dim);
}

}  // namespace

const Block* make_moe_ffn(BlockParts& parts) {
  const Config& c = parts.config;
  const Weights& w = parts.weights;
  void* place = parts.arena.alloc(sizeof(MoeFfn), alignof(MoeFfn));
  if (!place) return parts.faults.add("blk.", parts.layer, ": no room for moe_ffn"), nullptr;
  MoeFfn* b = new (place) MoeFfn;
  const int32_t E = c.n_experts, F = c.expert_hidden_dim;
  if (E < 1) return parts.faults.add("expert_count: ", E, ", wanted at least 1"), nullptr;

  static constexpr std::string_view acts[] = {"none", "silu", "gelu", "gelu_tanh", "relu"};  // as enum Act
  b->act = Act(wiring_word(parts, "act", acts, int32_t(Act::silu)));
  b->norm = read_norm(parts, "ffn_norm", c.dim);
  b->router = read_linear(w, "ffn_gate_inp", E, c.dim);
  static constexpr std::string_view gatings[] = {"softmax", "sigmoid"};  // as enum Gating
  b->route.gating = Gating(wiring_word(parts, "gating", gatings, 0));
  b->route.n_used = c.n_experts_used;
  b->route.renormalise = c.expert_weights_norm;
  b->route.factor = c.expert_weights_scale;
  b->route.bias = w.find_vector("exp_probs_b.bias", E);
  b->gate = w.get("ffn_gate_exps.weight", {E, F, c.dim});
  b->up = w.get("ffn_up_exps.weight", {E, F, c.dim});
  b->down = w.get("ffn_down_exps.weight", {E, c.dim, F});
  read_shared_expert(parts, *b);
  b->join = read_join(parts, "post_ffw_norm", "layer_output_norm");
  return b;
}

}  // namespace synapse
