#include "synapse/nn/attention.h"

#include <new>

#include "synapse/base/math.h"
#include "synapse/nn/norm.h"

namespace synapse {
namespace {

struct Attention final : Block {
  int32_t n_heads = 0, n_kv_heads = 0, head_dim = 0;
  ops::NormWeights norm;
  ops::Linear q, k, v, o;
  ops::NormWeights q_norm, k_norm;  // empty weights: none
  ops::RopeAttrs rope;
  ops::AttentionAttrs attrs;

  Tensor forward(Context& cx, Tensor x, const Batch& batch) const override {
    const int32_t T = x.rows(), H = n_heads, K = n_kv_heads, D = head_dim;
    const ops::Linear qkv[] = {q, k, v};
    auto [xq, xk, xv] = ops::norm_linears(cx, x, norm, qkv);
    xq = ops::view(cx, xq, {T, H, D}), xk = ops::view(cx, xk, {T, K, D}), xv = ops::view(cx, xv, {T, K, D});
    if (!q_norm.w.empty()) xq = ops::norm(cx, xq, q_norm), xk = ops::norm(cx, xk, k_norm);
    auto [rq, rk] = ops::rope(cx, xq, xk, rope, batch);
    ops::kv_append(cx, rk, xv, batch, attrs.kv_slot);
    Tensor y = ops::attention(cx, rq, batch, attrs);
    return ops::linear_add(cx, ops::view(cx, y, {T, H * D}), o, x);
  }
};

// theta^(-2i/n_rot) / scaling, in f64, stored f32. rope_freqs.weight holds a divisor for each frequency
// (the llama-3 scaling); linear scaling divides positions, which is the same as dividing frequencies.
Tensor inverse_frequencies(const BlockParts& parts) {
  const Config& c = parts.config;
  const int32_t n = c.n_rot / 2;
  const Tensor divisors = parts.model_weights.find_vector("rope_freqs.weight", n);
  float* inv_freq = parts.arena.array<float>(size_t(n));
  float* d = parts.arena.array<float>(size_t(n));
  if (!inv_freq || !d) {
    parts.faults.add("rope: no room for ", n, " frequencies");
    return {};
  }
  if (!divisors.empty()) parts.device.read(d, divisors);
  for (int32_t i = 0; i < n; ++i) {
    if (divisors.empty()) d[i] = 1;
    if (!(d[i] > 0 && d[i] < 1e30f))
      parts.faults.add("rope_freqs.weight: element ", i, " is ", double(d[i]), ", wanted a positive number");
    const double f = pow_f64(double(c.rope_theta), -2.0 * i / c.n_rot);
    inv_freq[i] = float(f / double(c.rope_linear) / double(d[i]));
  }
  auto prepared = parts.device.prepare("rope.inv_freq", make_tensor(inv_freq, DType::f32, {n}), parts.arena);
  if (!prepared.ok()) return parts.faults.add(prepared.status().message()), Tensor{};
  return *prepared;
}

ops::Linear read_linear(const Weights& w, std::string_view name, int32_t out, int32_t in) {
  return {w.get(Text<96>(name, ".weight"), {out, in}), w.find_vector(Text<96>(name, ".bias"), out)};
}

}  // namespace

const Block* make_attention(BlockParts& parts) {
  const Config& c = parts.config;
  const Weights& w = parts.weights;
  void* place = parts.arena.alloc(sizeof(Attention), alignof(Attention));
  if (!place) return parts.faults.add("blk.", parts.layer, ": no room for attention"), nullptr;
  Attention* b = new (place) Attention;
  const int32_t D = c.head_dim;
  b->n_heads = c.n_heads, b->n_kv_heads = c.n_kv_heads, b->head_dim = D;

  b->norm = read_norm(parts, "attn_norm", c.dim);
  b->q = read_linear(w, "attn_q", c.n_heads * D, c.dim);
  b->k = read_linear(w, "attn_k", c.n_kv_heads * D, c.dim);
  b->v = read_linear(w, "attn_v", c.n_kv_heads * D, c.dim);
  b->o = read_linear(w, "attn_output", c.dim, c.n_heads * D);
  if (wiring_flag(parts, "qk_norm", false)) {
    b->q_norm = {Norm::rms, c.norm_eps, w.get_vector("attn_q_norm.weight", D), {}};
    b->k_norm = {Norm::rms, c.norm_eps, w.get_vector("attn_k_norm.weight", D), {}};
  }

  static constexpr std::string_view styles[] = {"half", "interleaved"};  // as enum Rope
  b->rope.style = Rope(wiring_word(parts, "rope", styles, 0));
  b->rope.n_rot = c.n_rot;
  b->rope.inv_freq = inverse_frequencies(parts);

  b->attrs.kv_slot = parts.state.add_kv(c.n_kv_heads, D, c.window);
  b->attrs.n_kv_heads = c.n_kv_heads;
  b->attrs.factor = 1.0f / sqrt_f32(float(D));
  b->attrs.window = c.window;
  return b;
}

}  // namespace synapse
