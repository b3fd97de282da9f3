// The norms of a block, from wiring and weights, and how its result joins the residual stream.
#pragma once
#include "synapse/nn/block.h"
#include "synapse/ops/ops.h"

namespace synapse {

// The kind that wiring["norm"] names: rms (when absent), layer or none. `name`.weight (n), and `name`.bias (n) for layer
// norms; one without weights is no norm. wiring["norm_name"] takes the place of `name`.
ops::NormWeights read_norm(const BlockParts& parts, std::string_view name, int32_t n);

// after(residual + scale * post(y)).  post and after: the norms `name` and `after_name`, of the kinds that
// wiring["post_norm"] and wiring["after_norm"] name (none when absent); scale: the model's residual_scale.
struct Join {
  ops::NormWeights post;
  float scale = 1;
  ops::NormWeights after;

  bool is_sum() const { return post.w.empty() && scale == 1 && after.w.empty(); }  // residual + y
  Tensor add(Context& cx, Tensor y, Tensor residual) const;
  Tensor add_linear(Context& cx, Tensor x, const ops::Linear& w, Tensor residual) const;  // of y = w x
  Tensor finish(Context& cx, Tensor sum) const;
};
Join read_join(const BlockParts& parts, std::string_view name, std::string_view after_name);

// `name`.weight (out, in), `name`.bias (out) if there is one.
ops::Linear read_linear(const Weights& w, std::string_view name, int32_t out, int32_t in);
// Its rows first .. first+n-1, with their biases: one of several matrices that a file keeps as one.
ops::Linear rows_of(const ops::Linear& all, int32_t first, int32_t n);

}  // namespace synapse
