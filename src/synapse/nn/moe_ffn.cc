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
  Tensor shared_gate, shared_up;  // of the expert that all tokens share; empty: none
  ops::Linear shared_down;
  ops::Linear shared_weight;      // (1, dim); empty: its weight is 1

  Tensor forward(Context& cx, Tensor x, const Batch&) const override {
    Tensor h = ops::norm(cx, x, norm);
    ops::Routed routed = ops::route(cx, ops::linear(cx, h, router), route);
    Tensor g = ops::expert_gated_linears(cx, h, routed, gate, up, act);
    Tensor y = ops::expert_sum(cx, ops::expert_linears(cx, g, routed, down), routed.weights, x);
    if (shared_up.empty()) return y;
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
  b.shared_up = w.find("ffn_up_shexp.weight", {F, c.dim});
  if (b.shared_up.empty()) return;
  b.shared_gate = w.get("ffn_gate_shexp.weight", {F, c.dim});
  b.shared_down.w = w.get("ffn_down_shexp.weight", {c.dim, F});
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
  b->router = {w.get("ffn_gate_inp.weight", {E, c.dim}), w.find_vector("ffn_gate_inp.bias", E)};
  static constexpr std::string_view gatings[] = {"softmax", "sigmoid"};  // as enum Gating
  b->route.gating = Gating(wiring_word(parts, "gating", gatings, 0));
  b->route.n_used = c.n_experts_used;
  b->route.renormalise = c.expert_weights_norm.value_or(wiring_flag(parts, "renormalise", true));
  b->route.factor = c.expert_weights_scale;
  b->route.bias = w.find_vector("exp_probs_b.bias", E);
  b->gate = w.get("ffn_gate_exps.weight", {E, F, c.dim});
  b->up = w.get("ffn_up_exps.weight", {E, F, c.dim});
  b->down = w.get("ffn_down_exps.weight", {E, c.dim, F});
  read_shared_expert(parts, *b);
  return b;
}

}  // namespace synapse
