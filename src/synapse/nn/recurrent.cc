#include "synapse/nn/recurrent.h"

namespace synapse {

int32_t add_state(const BlockParts& parts, int64_t n) {
  constexpr int64_t kMost = 1 << 28;
  if (n <= kMost) return parts.state.add_rows(int32_t(n));
  parts.faults.add("blk.", parts.layer, ": a state of ", n, " floats, at most ", kMost);
  return 0;
}

bool wants(const BlockParts& parts, std::initializer_list<Wanted> numbers) {
  bool complete = true;
  for (const Wanted& n : numbers) {
    if (n.value > 0) continue;
    parts.faults.add(n.key, ": missing, ", parts.wiring["block"].as_string(), " wants one");
    complete = false;
  }
  return complete;
}

Tensor get_elements(const BlockParts& parts, std::string_view name, int32_t n) {
  const Tensor t = parts.weights.get_any(name, n);
  return t.empty() ? t : make_tensor(t.data, t.dtype, {n});
}

ops::Conv1dWeights read_conv(const BlockParts& parts, int32_t C) {
  const int32_t taps = parts.config.ssm_conv;
  if (!wants(parts, {{"ssm.conv_kernel", taps}})) return {};
  if (taps > ops::kMostTaps) return parts.faults.add("ssm.conv_kernel: ", taps, ", at most ", ops::kMostTaps), ops::Conv1dWeights{};
  const Tensor w = get_elements(parts, "ssm_conv1d.weight", C * taps);
  if (w.empty()) return {};
  return {make_tensor(w.data, w.dtype, {C, taps}), parts.weights.find_vector("ssm_conv1d.bias", C), Act::silu};
}

}  // namespace synapse
