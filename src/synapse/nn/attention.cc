#include "synapse/nn/attention.h"

#include <new>

#include "synapse/base/math.h"
#include "synapse/nn/norm.h"

namespace synapse {
namespace {

enum class QkNorm : uint8_t { none, head, whole };

struct Attention final : Block {
  int32_t n_heads = 0, n_kv_heads = 0, head_dim = 0;
  ops::NormWeights norm;
  ops::Linear q, k, v, o;
  QkNorm qk_norm = QkNorm::none;
  ops::NormWeights q_norm, k_norm;
  bool has_rope = true;
  bool has_gate = false;  // q is (T, H, 2 D): a query and its gate
  ops::RopeAttrs rope;
  ops::AttentionAttrs attrs;
  Join join;

  Tensor forward(Context& cx, Tensor x, Tensor residual, const Batch& batch) const override {
    const int32_t T = x.rows(), H = n_heads, K = n_kv_heads, D = head_dim;
    const ops::Linear qkv[] = {q, k, v};
    auto [xq, xk, xv] = ops::norm_linears(cx, x, norm, qkv);
    Tensor gate;
    if (has_gate) {
      const Tensor both = ops::view(cx, xq, {T, H, 2 * D});
      xq = ops::view(cx, ops::slice(cx, both, 0, D), {T, H * D}), gate = ops::slice(cx, both, D, D);
    }
    if (qk_norm == QkNorm::whole) xq = ops::norm(cx, xq, q_norm), xk = ops::norm(cx, xk, k_norm);
    xq = ops::view(cx, xq, {T, H, D}), xk = ops::view(cx, xk, {T, K, D}), xv = ops::view(cx, xv, {T, K, D});
    if (qk_norm == QkNorm::head) xq = ops::norm(cx, xq, q_norm), xk = ops::norm(cx, xk, k_norm);
    if (has_rope) {
      auto [rq, rk] = ops::rope(cx, xq, xk, rope, batch);
      xq = rq, xk = rk;
    }
    ops::kv_append(cx, xk, xv, batch, attrs.kv_slot);
    Tensor y = ops::attention(cx, xq, batch, attrs);
    if (has_gate) y = ops::gate(cx, gate, y, Act::sigmoid);
    return join.add_linear(cx, ops::view(cx, y, {T, H * D}), o, residual);
  }
};

// Which dims of a head YaRN stretches (Peng et al. 2023): wholly from `last` on, not at all before `first`, in between by a ramp.
struct YarnRamp {
  double first, last;

  YarnRamp(const Config& c, float theta) {
    const auto turning = [&](float times) {  // the dim that turns so often within the original context
      constexpr double kTwoPi = 6.283185307179586;
      return c.n_rot * log_f64(c.yarn_original / (double(times) * kTwoPi)) / (2 * log_f64(double(theta)));
    };
    const double most = c.n_rot - 1, fast = turning(c.yarn_beta_fast), slow = turning(c.yarn_beta_slow);
    first = fast > 0 ? double(int32_t(fast < most ? fast : most)) : 0;
    last = slow < most ? double(int32_t(slow > 0 ? slow : 0)) : most;
    if (last < slow && last < most) last += 1;
    if (!(last > first)) last = first + 0.001;
  }
  double share(int32_t i) const {
    const double x = (i - first) / (last - first);
    return x < 0 ? 0 : x > 1 ? 1 : x;
  }
};

// theta^(-2i/n_rot) / stretch / divisor i, in f64, stored f32. `divisors` names a tensor (the llama-3 scaling, longrope's
// factors) or nothing.
Tensor inverse_frequencies(const BlockParts& parts, float theta, float stretch, std::string_view divisors, bool is_needed) {
  const int32_t n_rot = parts.config.n_rot, n = n_rot / 2;
  const Weights& w = parts.model_weights;
  const Tensor given = divisors.empty() ? Tensor{} : is_needed ? w.get_vector(divisors, n) : w.find_vector(divisors, n);
  float* inv_freq = parts.arena.array<float>(size_t(n));
  const size_t mark = parts.arena.mark();
  float* d = parts.arena.array<float>(size_t(n));
  if (!inv_freq || !d) {
    parts.faults.add("rope: no room for ", n, " frequencies");
    return {};
  }
  if (!given.empty()) parts.device.read(d, given);
  const bool has_yarn = parts.config.yarn_original > 0 && stretch != 1;
  const YarnRamp yarn(parts.config, theta);
  for (int32_t i = 0; i < n; ++i) {
    if (given.empty()) d[i] = 1;
    if (!(d[i] > 0 && d[i] < 1e30f))
      parts.faults.add(divisors, ": element ", i, " is ", double(d[i]), ", wanted a positive number");
    const double f = pow_f64(double(theta), -2.0 * i / n_rot);
    const double slow = has_yarn ? yarn.share(i) : 1;  // 1: wholly stretched
    inv_freq[i] = float(f * (slow / double(stretch) + (1 - slow)) / double(d[i]));
  }
  parts.arena.rewind(mark);
  auto prepared = parts.device.prepare("rope.inv_freq", make_tensor(inv_freq, DType::f32, {n}), parts.arena);
  if (!prepared.ok()) return parts.faults.add(prepared.status().message()), Tensor{};
  return *prepared;
}

ops::RopeAttrs read_rope(const BlockParts& parts, Rope style) {
  const Config& c = parts.config;
  ops::RopeAttrs rope;
  rope.style = style, rope.n_rot = c.n_rot;
  if (c.n_rot % 2) return parts.faults.add("rope.dimension_count: ", c.n_rot, ", wanted an even number"), rope;
  if (c.rope_theta_swa > 0 && c.layer(parts.layer).sliding) {  // turns unscaled
    rope.inv_freq = inverse_frequencies(parts, c.rope_theta_swa, 1, {}, false);
    return rope;
  }
  rope.factor = c.rope_factor;
  if (c.rope_long_after > 0) {
    rope.inv_freq = inverse_frequencies(parts, c.rope_theta, c.rope_stretch, "rope_factors_short.weight", true);
    rope.inv_freq_long = inverse_frequencies(parts, c.rope_theta, c.rope_stretch, "rope_factors_long.weight", true);
    rope.long_after = c.rope_long_after;
  } else {
    rope.inv_freq = inverse_frequencies(parts, c.rope_theta, c.rope_stretch, "rope_freqs.weight", false);
  }
  return rope;
}

// q, k and v, or their rows of the one matrix that holds them.
void read_qkv(const BlockParts& parts, Attention& b) {
  const Config& c = parts.config;
  const Weights& w = parts.weights;
  const int32_t q = c.n_heads * c.head_dim * (b.has_gate ? 2 : 1), kv = c.n_kv_heads * c.head_dim;
  if (w.has("attn_qkv.weight")) {
    const ops::Linear all = read_linear(w, "attn_qkv", q + 2 * kv, c.dim);
    b.q = rows_of(all, 0, q), b.k = rows_of(all, q, kv), b.v = rows_of(all, q + kv, kv);
  } else {
    b.q = read_linear(w, "attn_q", q, c.dim);
    b.k = read_linear(w, "attn_k", kv, c.dim), b.v = read_linear(w, "attn_v", kv, c.dim);
  }
}

void read_qk_norm(const BlockParts& parts, Attention& b) {
  static constexpr std::string_view spans[] = {"none", "head", "whole"};  // as enum QkNorm
  b.qk_norm = QkNorm(wiring_word(parts, "qk_norm", spans, 0));
  if (b.qk_norm == QkNorm::none) return;
  static constexpr std::string_view kinds[] = {"rms", "layer"};  // as enum Norm
  const Norm kind = Norm(wiring_word(parts, "qk_norm_kind", kinds, 0));
  const auto read = [&](std::string_view name, int32_t heads) -> ops::NormWeights {
    const int32_t n = b.qk_norm == QkNorm::whole ? heads * b.head_dim : b.head_dim;
    const Tensor bias = kind == Norm::layer ? parts.weights.find_vector(Text<64>(name, ".bias"), n) : Tensor{};
    return {kind, parts.config.norm_eps, parts.weights.get_vector(Text<64>(name, ".weight"), n), bias};
  };
  b.q_norm = read("attn_q_norm", b.n_heads), b.k_norm = read("attn_k_norm", b.n_kv_heads);
}

}  // namespace

const Block* make_attention(BlockParts& parts) {
  const Config& c = parts.config;
  if (c.n_heads < 1) return parts.faults.add("attention.head_count: missing or 0, attention wants one"), nullptr;
  void* place = parts.arena.alloc(sizeof(Attention), alignof(Attention));
  if (!place) return parts.faults.add("blk.", parts.layer, ": no room for attention"), nullptr;
  Attention* b = new (place) Attention;
  const int32_t D = c.head_dim;
  b->n_heads = c.n_heads, b->n_kv_heads = c.n_kv_heads, b->head_dim = D;

  b->norm = read_norm(parts, "attn_norm", c.dim);
  b->has_gate = wiring_flag(parts, "gate", false);
  read_qkv(parts, *b);
  b->o = read_linear(parts.weights, "attn_output", c.dim, c.n_heads * D);
  read_qk_norm(parts, *b);
  b->join = read_join(parts, "post_attention_norm", "attn_output_norm");

  static constexpr std::string_view styles[] = {"half", "interleaved", "none"};  // the first two as enum Rope
  const int32_t style = wiring_word(parts, "rope", styles, 0);
  b->has_rope = style < 2;
  if (b->has_rope) b->rope = read_rope(parts, Rope(style));

  b->attrs.window = c.window_of(parts.layer);
  b->attrs.causal = c.causal;
  if (!c.causal && b->attrs.window > 0) parts.faults.add("attention.sliding_window: ", c.window, " in a model that is not causal is not run");
  b->attrs.kv_slot = parts.state.add_kv(c.n_kv_heads, D, b->attrs.window);
  b->attrs.n_kv_heads = c.n_kv_heads;
  b->attrs.factor = c.attention_scale > 0 ? c.attention_scale : 1.0f / sqrt_f32(float(D));
  b->attrs.softcap = c.attn_softcap;
  return b;
}

}  // namespace synapse
