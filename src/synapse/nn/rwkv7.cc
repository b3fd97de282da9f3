#include "synapse/nn/rwkv7.h"

#include "synapse/nn/recurrent.h"

namespace synapse {
namespace {

// b + up act(down x): a matrix of low rank.
struct Lora {
  ops::Linear down, up;
  Act act = Act::none;

  Tensor operator()(Context& cx, Tensor x) const {
    Tensor low = ops::linear(cx, x, down);
    if (act != Act::none) low = ops::activate(cx, low, act);
    return ops::linear(cx, low, up);
  }
};

struct TimeMix final : Block {
  int32_t n_heads = 0, head_dim = 0;
  bool is_first = false;     // its values are those of the first layer
  ops::NormWeights norm;
  Tensor mix;                // (6, C): of r, w, k, v, a, g
  ops::Linear r, k, v, out;
  Lora w, a, g, mix_v;
  ops::Wkv7Params params;
  int32_t shift_row = 0, scan_row = 0;

  Tensor forward(Context& cx, Tensor x, Tensor residual, const Batch& batch) const override {
    const int32_t T = x.dims[0], C = x.cols(), H = n_heads, D = head_dim;
    const Tensor mixed = ops::token_shift(cx, ops::norm(cx, x, norm), mix, batch, shift_row);
    const auto part = [&](int32_t i) { return ops::part(cx, mixed, i); };
    const auto heads = [&](Tensor t) { return ops::view(cx, t, {T, H, D}); };
    const Tensor xr = ops::linear(cx, part(0), r), xk = ops::linear(cx, part(2), k);
    Tensor xv = ops::linear(cx, part(3), v);
    if (is_first) cx.carry = ops::copy(cx, xv, cx.carry);
    else xv = ops::lerp(cx, xv, cx.carry, ops::activate(cx, mix_v(cx, part(3)), Act::sigmoid));
    const Tensor xw = w(cx, part(1)), xa = a(cx, part(4)), xg = g(cx, part(5));
    const Tensor y = ops::wkv7(cx, {heads(xr), heads(xw), heads(xk), heads(xv), heads(xa)}, params, batch, scan_row);
    return ops::linear_add(cx, ops::gate(cx, xg, ops::view(cx, y, {T, C}), Act::none), out, residual);
  }
};

struct ChannelMix final : Block {
  ops::NormWeights norm;
  Tensor mix;  // (1, C)
  ops::Linear key, value;
  int32_t shift_row = 0;

  Tensor forward(Context& cx, Tensor x, Tensor residual, const Batch& batch) const override {
    const Tensor mixed = ops::token_shift(cx, ops::norm(cx, x, norm), mix, batch, shift_row);
    const Tensor h = ops::linear(cx, ops::part(cx, mixed, 0), key);
    return ops::linear_add(cx, ops::activate(cx, h, Act::relu2), value, residual);
  }
};

// time_mix_<letter>1, time_mix_<letter>2 and, where it has one, the vector time_mix_<letter>0.
Lora read_lora(const BlockParts& parts, char letter, int32_t rank, std::string_view rank_key, Act act, bool has_bias) {
  if (!wants(parts, {{rank_key, rank}})) return {};
  const int32_t C = parts.config.dim;
  const std::string_view name(&letter, 1);
  Lora lora;
  lora.act = act;
  lora.down.w = parts.weights.get(Text<32>("time_mix_", name, "1.weight"), {rank, C});
  lora.up.w = parts.weights.get(Text<32>("time_mix_", name, "2.weight"), {C, rank});
  if (has_bias) lora.up.b = get_elements(parts, Text<32>("time_mix_", name, "0.weight"), C);
  return lora;
}

}  // namespace

const Block* make_rwkv7_time_mix(BlockParts& parts) {
  const Config& c = parts.config;
  const Weights& w = parts.weights;
  const int32_t C = c.dim, D = c.wkv_head_dim;
  if (!wants(parts, {{"wkv.head_size", D}})) return nullptr;
  if (C % D) return parts.faults.add("wkv.head_size: ", D, ", embedding_length is ", C), nullptr;
  TimeMix* b = place_block<TimeMix>(parts, "rwkv7_time_mix");
  if (!b) return nullptr;
  b->n_heads = C / D, b->head_dim = D, b->is_first = parts.layer == 0;
  b->norm = read_norm(parts, "attn_norm", C);
  const Tensor mix = get_elements(parts, "time_mix_lerp_fused.weight", 6 * C);
  if (!mix.empty()) b->mix = make_tensor(mix.data, mix.dtype, {6, C});
  const auto matrix = [&](std::string_view name) { return ops::Linear{w.get(name, {C, C}), {}}; };
  b->r = matrix("time_mix_receptance.weight"), b->k = matrix("time_mix_key.weight");
  b->v = matrix("time_mix_value.weight"), b->out = matrix("time_mix_output.weight");
  b->w = read_lora(parts, 'w', c.lora_decay, "attention.decay_lora_rank", Act::tanh, true);
  b->a = read_lora(parts, 'a', c.lora_iclr, "attention.iclr_lora_rank", Act::none, true);
  b->g = read_lora(parts, 'g', c.lora_gate, "attention.gate_lora_rank", Act::sigmoid, false);
  if (!b->is_first) {
    b->mix_v = read_lora(parts, 'v', c.lora_value, "attention.value_residual_mix_lora_rank", Act::none, true);
  } else {  // files may hold some that nobody needs
    for (std::string_view name : {"time_mix_v0.weight", "time_mix_v1.weight", "time_mix_v2.weight"}) w.ignore(name);
  }
  const auto channels = [&](std::string_view name) { return get_elements(parts, name, C); };
  b->params = {channels("time_mix_k_k.weight"), channels("time_mix_k_a.weight"), channels("time_mix_r_k.weight"),
               channels("time_mix_ln.weight"), channels("time_mix_ln.bias"), float(D) * 1e-5f};
  parts.n_carry = C > parts.n_carry ? C : parts.n_carry;
  b->shift_row = add_state(parts, ops::token_shift_state(C));
  b->scan_row = add_state(parts, ops::wkv7_state(C / D, D));
  return b;
}

const Block* make_rwkv7_channel_mix(BlockParts& parts) {
  const Config& c = parts.config;
  const Weights& w = parts.weights;
  ChannelMix* b = wants(parts, {{"feed_forward_length", c.hidden_dim}}) ? place_block<ChannelMix>(parts, "rwkv7_channel_mix") : nullptr;
  if (!b) return nullptr;
  b->norm = read_norm(parts, "attn_norm_2", c.dim);
  const Tensor mix = get_elements(parts, "channel_mix_lerp_k.weight", c.dim);
  if (!mix.empty()) b->mix = make_tensor(mix.data, mix.dtype, {1, c.dim});
  b->key.w = w.get("channel_mix_key.weight", {c.hidden_dim, c.dim});
  b->value.w = w.get("channel_mix_value.weight", {c.dim, c.hidden_dim});
  b->shift_row = add_state(parts, ops::token_shift_state(c.dim));
  return b;
}

}  // namespace synapse
