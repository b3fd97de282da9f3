// How CpuDevice runs one op: a function per op, in a file per group of op.def.
#pragma once
#include "synapse/base/arena.h"
#include "synapse/cpu/kernels/kernels.h"
#include "synapse/cpu/packed_weights.h"
#include "synapse/platform/threads.h"
#include "synapse/tensor/op.h"

namespace synapse::cpu {

struct Run {
  const OpCall& call;
  const Kernels& kernels;
  platform::ThreadPool& pool;
  const PackedWeights* packed;  // or null
  Arena& scratch;  // of exactly the bytes that the op's scratch function asked for
};

inline const float* f32(const Tensor& t) { return static_cast<const float*>(t.data); }
inline float* f32_out(const Tensor& t) { return static_cast<float*>(t.data); }

// Work that one thread does sooner than another could be woken for it, in multiply-adds or as much.
inline constexpr int64_t kSerialWork = 1 << 15;

// f(item, thread) for every item, on the pool when `work` in all is worth it.
template <typename F>
void parallel(const Run& run, int32_t n_items, int64_t work, F&& f) {
  if (work < kSerialWork) {
    for (int32_t item = 0; item < n_items; ++item) f(item, 0);
  } else {
    run.pool.for_each(n_items, f);
  }
}

// Items of at least this much work each, so that handing them out costs little. Depends on shapes only.
inline int32_t units_per_item(int64_t work_per_unit) {
  constexpr int64_t kItemWork = 1 << 14;
  return work_per_unit >= kItemWork ? 1 : int32_t(kItemWork / (work_per_unit > 0 ? work_per_unit : 1));
}
inline int32_t ceil_div(int32_t a, int32_t b) { return (a + b - 1) / b; }

// The stream that a row of the batch belongs to.
inline const Stream& stream_of(const Batch& batch, int32_t row) {
  for (const Stream& s : batch.streams)
    if (row >= s.first_row && row < s.first_row + s.n_rows) return s;
  SYN_CHECK(!"a row of no stream");
  return batch.streams[0];
}
inline int32_t position_of(const Stream& s, int32_t row) { return s.position + (row - s.first_row); }

void run_copy(const Run&);
void run_get_rows(const Run&);
void run_get_position_rows(const Run&);
void run_get_type_rows(const Run&);
void run_linears(const Run&);
void run_norm_linears(const Run&);
void run_gated_linears(const Run&);
void run_linear_add(const Run&);
void run_norm(const Run&);
void run_activate(const Run&);
void run_add(const Run&);
void run_scale(const Run&);
void run_soft_cap(const Run&);
void run_rope(const Run&);
void run_kv_append(const Run&);
void run_attention(const Run&);
void run_route(const Run&);
void run_expert_linears(const Run&);
void run_expert_gated_linears(const Run&);
void run_expert_sum(const Run&);
void run_gate(const Run&);
void run_lerp(const Run&);
void run_slice(const Run&);
void run_token_shift(const Run&);
void run_conv1d(const Run&);
void run_selective_scan(const Run&);
void run_ssd_scan(const Run&);
void run_wkv7(const Run&);
void run_gated_delta(const Run&);
void run_norm_screen(const Run&);
void run_norm_linear_groups(const Run&);

// Take from `arena` what the op takes while it runs: from a counting arena, to learn the bytes.
using Scratch = void (*)(const OpCall& call, const Kernels& kernels, int32_t n_threads, Arena& arena);
void scratch_linear(const OpCall&, const Kernels&, int32_t, Arena&);
void scratch_rope(const OpCall&, const Kernels&, int32_t, Arena&);
void scratch_kv_append(const OpCall&, const Kernels&, int32_t, Arena&);
void scratch_attention(const OpCall&, const Kernels&, int32_t, Arena&);
void scratch_route(const OpCall&, const Kernels&, int32_t, Arena&);
void scratch_experts(const OpCall&, const Kernels&, int32_t, Arena&);
void scratch_scan(const OpCall&, const Kernels&, int32_t, Arena&);
void scratch_screen(const OpCall&, const Kernels&, int32_t, Arena&);

}  // namespace synapse::cpu
