#include "synapse/nn/ffn.h"

#include <new>

#include "synapse/nn/norm.h"

namespace synapse {
namespace {

struct Ffn final : Block {
  ops::NormWeights norm;
  ops::Linear gate, up, down;  // gate is empty in a plain one
  Act act = Act::silu;
  Join join;

  Tensor forward(Context& cx, Tensor x, Tensor residual, const Batch&) const override {
    return join.add_linear(cx, inner(cx, x), down, residual);
  }
  Tensor inner(Context& cx, Tensor x) const {
    if (gate.w.empty()) return ops::activate(cx, ops::norm_linears(cx, x, norm, {&up, 1})[0], act);
    if (!norm.w.empty()) x = ops::norm(cx, x, norm);
    return ops::gated_linears(cx, x, gate, up, act);
  }
};

}  // namespace

const Block* make_ffn(BlockParts& parts) {
  const Config& c = parts.config;
  const Weights& w = parts.weights;
  if (c.hidden_dim < 1) return parts.faults.add("feed_forward_length: missing or 0, ffn wants one"), nullptr;
  void* place = parts.arena.alloc(sizeof(Ffn), alignof(Ffn));
  if (!place) return parts.faults.add("blk.", parts.layer, ": no room for ffn"), nullptr;
  Ffn* b = new (place) Ffn;
  static constexpr std::string_view acts[] = {"none", "silu", "gelu", "gelu_tanh", "relu"};  // as enum Act
  b->act = Act(wiring_word(parts, "act", acts, int32_t(Act::silu)));
  b->norm = read_norm(parts, "ffn_norm", c.dim);
  if (!wiring_flag(parts, "gated", true)) {
    b->up = read_linear(w, "ffn_up", c.hidden_dim, c.dim);
  } else if (wiring_flag(parts, "fused", false)) {
    const ops::Linear both = read_linear(w, "ffn_up", 2 * c.hidden_dim, c.dim);
    b->gate = rows_of(both, 0, c.hidden_dim), b->up = rows_of(both, c.hidden_dim, c.hidden_dim);
  } else {
    b->gate = read_linear(w, "ffn_gate", c.hidden_dim, c.dim), b->up = read_linear(w, "ffn_up", c.hidden_dim, c.dim);
  }
  b->down = read_linear(w, "ffn_down", c.dim, c.hidden_dim);
  b->join = read_join(parts, "post_ffw_norm", "layer_output_norm");
  return b;
}

}  // namespace synapse
