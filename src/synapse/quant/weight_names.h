// Which weight an operand of an OpCall is.
#pragma once
#include <string_view>
#include <vector>

#include "synapse/model/model.h"

namespace synapse {

class WeightNames {
 public:
  explicit WeightNames(const Model& model);
  // The name of the weight that holds this view, whole or a part of it; "" for what is no weight.
  std::string_view find(const Tensor& t) const;

 private:
  std::vector<NamedWeight> by_address_;
};

// The linears inside one OpCall: what goes in, and the weights it meets. Empty weights: the call has none.
struct LinearInputs {
  const Tensor* x = nullptr;          // (T, in); with `experts` also (T, k, in)
  const Tensor* norm_weight = nullptr;  // not null: the linears read norm(x)
  const Tensor* norm_bias = nullptr;
  const Tensor* experts = nullptr;    // (T, k) i32: which matrix of each weight a row meets; null: there is one
  std::vector<const Tensor*> weights;
};
LinearInputs linear_inputs(const OpCall& call);

}  // namespace synapse
