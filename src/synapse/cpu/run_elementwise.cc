// Element by element: the tensors are cut into runs of a fixed length.
#include "synapse/cpu/run.h"

namespace synapse::cpu {
namespace {

constexpr size_t kRun = 1 << 14;

// f(first element, count)
template <typename F>
void for_each_run(const Run& run, F&& f) {
  const size_t n = run.call.in[0].size();
  parallel(run, int32_t((n + kRun - 1) / kRun), int64_t(n),
           [&](int32_t item, int32_t) { f(size_t(item) * kRun, n - size_t(item) * kRun < kRun ? n - size_t(item) * kRun : kRun); });
}

}  // namespace

void run_activate(const Run& run) {
  const auto activate = run.kernels.activate[size_t(run.call.attrs.act)];
  for_each_run(run, [&](size_t at, size_t n) { activate(f32_out(run.call.out[0]) + at, f32(run.call.in[0]) + at, n); });
}

void run_add(const Run& run) {
  for_each_run(run, [&](size_t at, size_t n) {
    run.kernels.add(f32_out(run.call.out[0]) + at, f32(run.call.in[0]) + at, f32(run.call.in[1]) + at, n);
  });
}

void run_gate(const Run& run) {
  const auto gate = run.kernels.gate[size_t(run.call.attrs.act)];
  for_each_run(run, [&](size_t at, size_t n) {
    gate(f32_out(run.call.out[0]) + at, f32(run.call.in[0]) + at, f32(run.call.in[1]) + at, n);
  });
}

void run_lerp(const Run& run) {
  for_each_run(run, [&](size_t at, size_t n) {
    run.kernels.lerp(f32_out(run.call.out[0]) + at, f32(run.call.in[0]) + at, f32(run.call.in[1]) + at,
                     f32(run.call.in[2]) + at, n);
  });
}

void run_scale(const Run& run) {
  for_each_run(run, [&](size_t at, size_t n) {
    run.kernels.scale(f32_out(run.call.out[0]) + at, f32(run.call.in[0]) + at, run.call.attrs.factor, n);
  });
}

void run_soft_cap(const Run& run) {
  for_each_run(run, [&](size_t at, size_t n) {
    run.kernels.soft_cap(f32_out(run.call.out[0]) + at, f32(run.call.in[0]) + at, run.call.attrs.softcap, n);
  });
}

}  // namespace synapse::cpu
