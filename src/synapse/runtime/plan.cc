#include "synapse/runtime/plan.h"

#include <algorithm>

namespace synapse {

MemoryPlan plan_memory(const Model& model, Device& device, const SessionOptions& options) {
  MemoryPlan plan;
  const int32_t context = options.max_seq_len > 0 ? options.max_seq_len : model.config().max_seq_len;
  const StateLayout& layout = model.state_layout();
  plan.n_positions = context;
  plan.weight_bytes = model.weight_bytes();
  plan.cache_bytes = PagePool::bytes_for(layout, options.k_dtype, options.v_dtype, limits_of(model, options));
  plan.scratch_bytes = Session::arena_bytes(model, device, options) +
                       PagePool::arena_bytes(layout, options.k_dtype, options.v_dtype, plan.cache_bytes);
  return plan;
}

MemoryPlan plan_within(const Model& model, Device& device, SessionOptions options, size_t base_bytes, size_t budget) {
  const int32_t most = options.max_seq_len > 0 ? options.max_seq_len : model.config().max_seq_len;
  const auto plan_of = [&](int32_t positions) {
    options.max_seq_len = positions;
    return plan_memory(model, device, options);
  };
  // The plan grows with the context, so halve towards the largest one that fits, in whole pages.
  int32_t fits = 0, fails = (most + kPageRows - 1) / kPageRows + 1;
  while (fails - fits > 1) {
    const int32_t middle = fits + (fails - fits) / 2;
    const MemoryPlan plan = plan_of(std::min(middle * kPageRows, most));
    if (plan.total() + base_bytes <= budget) fits = middle;
    else fails = middle;
  }
  MemoryPlan plan = plan_of(std::min(std::max<int32_t>(fits, 1) * kPageRows, most));
  if (fits == 0) plan.n_positions = 0;
  return plan;
}

}  // namespace synapse
