#include "synapse/nn/norm.h"

namespace synapse {

ops::NormWeights read_norm(const BlockParts& parts, std::string_view name, int32_t n) {
  static constexpr std::string_view kinds[] = {"rms", "layer"};  // as enum Norm
  ops::NormWeights norm;
  norm.kind = Norm(wiring_word(parts, "norm", kinds, 0));
  norm.eps = parts.config.norm_eps;
  norm.w = parts.weights.get_vector(Text<96>(name, ".weight"), n);
  if (norm.kind == Norm::layer) norm.b = parts.weights.find_vector(Text<96>(name, ".bias"), n);
  return norm;
}

}  // namespace synapse
