#include "synapse/nn/ffn.h"

#include <new>

#include "synapse/nn/norm.h"

namespace synapse {
namespace {

struct GatedFfn final : Block {
  ops::NormWeights norm;
  Tensor gate, up;
  ops::Linear down;
  Act act = Act::silu;

  Tensor forward(Context& cx, Tensor x, const Batch&) const override {
    Tensor g = ops::gated_linears(cx, ops::norm(cx, x, norm), gate, up, act);
    return ops::linear_add(cx, g, down, x);
  }
};

struct Ffn final : Block {
  ops::NormWeights norm;
  ops::Linear up, down;
  Act act = Act::gelu;

  Tensor forward(Context& cx, Tensor x, const Batch&) const override {
    Tensor h = ops::norm_linears(cx, x, norm, {&up, 1})[0];
    return ops::linear_add(cx, ops::activate(cx, h, act), down, x);
  }
};

template <typename T>
T* place_block(BlockParts& parts) {
  void* place = parts.arena.alloc(sizeof(T), alignof(T));
  if (!place) return parts.faults.add("blk.", parts.layer, ": no room for ffn"), nullptr;
  return new (place) T;
}

}  // namespace

const Block* make_ffn(BlockParts& parts) {
  const Config& c = parts.config;
  const Weights& w = parts.weights;
  static constexpr std::string_view acts[] = {"none", "silu", "gelu", "gelu_tanh", "relu"};  // as enum Act
  const Act act = Act(wiring_word(parts, "act", acts, int32_t(Act::silu)));
  const ops::Linear down = {w.get("ffn_down.weight", {c.dim, c.hidden_dim}), w.find_vector("ffn_down.bias", c.dim)};

  if (wiring_flag(parts, "gated", true)) {
    GatedFfn* b = place_block<GatedFfn>(parts);
    if (!b) return nullptr;
    b->norm = read_norm(parts, "ffn_norm", c.dim);
    b->gate = w.get("ffn_gate.weight", {c.hidden_dim, c.dim});
    b->up = w.get("ffn_up.weight", {c.hidden_dim, c.dim});
    b->down = down, b->act = act;
    return b;
  }
  Ffn* b = place_block<Ffn>(parts);
  if (!b) return nullptr;
  b->norm = read_norm(parts, "ffn_norm", c.dim);
  b->up = {w.get("ffn_up.weight", {c.hidden_dim, c.dim}), w.find_vector("ffn_up.bias", c.hidden_dim)};
  b->down = down, b->act = act;
  return b;
}

}  // namespace synapse
