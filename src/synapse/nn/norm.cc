#include "synapse/nn/norm.h"

namespace synapse {
namespace {

ops::NormWeights read_kind(const BlockParts& parts, std::string_view key, std::string_view otherwise, std::string_view name,
                           int32_t n) {
  static constexpr std::string_view kinds[] = {"rms", "layer", "none"};  // the first two as enum Norm
  const int32_t kind = wiring_word(parts, key, kinds, otherwise == "none" ? 2 : 0);
  ops::NormWeights norm;
  norm.eps = parts.config.norm_eps;
  if (kind == 2) return norm;
  norm.kind = Norm(kind);
  norm.w = parts.weights.get_vector(Text<96>(name, ".weight"), n);
  if (norm.kind == Norm::layer) norm.b = parts.weights.find_vector(Text<96>(name, ".bias"), n);
  return norm;
}

}  // namespace

ops::NormWeights read_norm(const BlockParts& parts, std::string_view name, int32_t n) {
  const std::string_view other = parts.wiring["norm_name"].as_string();
  return read_kind(parts, "norm", "rms", other.empty() ? name : other, n);
}

Join read_join(const BlockParts& parts, std::string_view name, std::string_view after_name) {
  const int32_t n = parts.config.dim;
  return {read_kind(parts, "post_norm", "none", name, n), parts.config.residual_scale,
          read_kind(parts, "after_norm", "none", after_name, n)};
}

Tensor Join::add(Context& cx, Tensor y, Tensor residual) const {
  if (!post.w.empty()) y = ops::norm(cx, y, post);
  if (scale != 1) y = ops::scale(cx, y, scale);
  return finish(cx, ops::add(cx, y, residual));
}

Tensor Join::finish(Context& cx, Tensor sum) const { return after.w.empty() ? sum : ops::norm(cx, sum, after); }

Tensor Join::add_linear(Context& cx, Tensor x, const ops::Linear& w, Tensor residual) const {
  if (post.w.empty() && scale == 1) return finish(cx, ops::linear_add(cx, x, w, residual));
  return add(cx, ops::linear(cx, x, w), residual);
}

ops::Linear read_linear(const Weights& w, std::string_view name, int32_t out, int32_t in) {
  return {w.get(Text<96>(name, ".weight"), {out, in}), w.find_vector(Text<96>(name, ".bias"), out)};
}

ops::Linear rows_of(const ops::Linear& all, int32_t first, int32_t n) {
  ops::Linear part = all;
  if (!all.w.empty()) {
    part.w.data = static_cast<uint8_t*>(all.w.data) + size_t(first) * all.w.strides[0];
    part.w.dims[0] = n;
  }
  if (!all.b.empty()) {
    part.b.data = static_cast<float*>(all.b.data) + first;
    part.b.dims[0] = n;
  }
  return part;
}

}  // namespace synapse
