#include "synapse/quant/weight_names.h"

#include <algorithm>

namespace synapse {
namespace {

const uint8_t* address(const Tensor& t) { return static_cast<const uint8_t*>(t.data); }

}  // namespace

WeightNames::WeightNames(const Model& model) : by_address_(model.weights().begin(), model.weights().end()) {
  std::ranges::sort(by_address_, {}, [](const NamedWeight& w) { return address(w.tensor); });
}

std::string_view WeightNames::find(const Tensor& t) const {
  const auto after = std::ranges::upper_bound(by_address_, address(t), {}, [](const NamedWeight& w) { return address(w.tensor); });
  if (t.empty() || after == by_address_.begin()) return {};
  const NamedWeight& w = after[-1];
  return address(t) < address(w.tensor) + w.tensor.bytes() ? w.name : std::string_view();
}

LinearInputs linear_inputs(const OpCall& call) {
  LinearInputs in;
  const auto take = [&](size_t first, size_t step, size_t n) {
    for (size_t i = 0; i < n; ++i) in.weights.push_back(&call.in[first + i * step]);
  };
  switch (call.op) {
    case Op::linears:
      take(1, 2, call.n_out);
      break;
    case Op::norm_linears:
      in.norm_weight = &call.in[1], in.norm_bias = &call.in[2];
      take(3, 2, call.n_out);
      break;
    case Op::gated_linears:
      take(1, 1, 2);
      break;
    case Op::linear_add:
      take(1, 1, 1);
      break;
    case Op::expert_linears:
      in.experts = &call.in[1];
      take(2, 1, 1);
      break;
    case Op::expert_gated_linears:
      in.experts = &call.in[1];
      take(2, 1, 2);
      break;
    default:
      return in;
  }
  in.x = &call.in[0];
  return in;
}

}  // namespace synapse
