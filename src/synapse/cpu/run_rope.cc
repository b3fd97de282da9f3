// Rotary embedding: the angles of a row once, then every head of q and k.
#include "synapse/cpu/run.h"

namespace synapse::cpu {
namespace {

struct Angles {
  float* c;  // n_rot / 2 a thread
  float* s;
};

Angles take_angles(const OpCall& call, int32_t n_threads, Arena& arena) {
  const size_t n = size_t(call.attrs.n_rot / 2) * size_t(n_threads);
  float* c = arena.array<float>(n, Arena::kAlign);
  return {c, arena.array<float>(n, Arena::kAlign)};
}

}  // namespace

void scratch_rope(const OpCall& call, const Kernels&, int32_t n_threads, Arena& arena) {
  take_angles(call, n_threads, arena);
}

void run_rope(const Run& run) {
  const Attrs& attrs = run.call.attrs;
  const Angles angles = take_angles(run.call, run.pool.size(), run.scratch);
  const size_t n_rot = size_t(attrs.n_rot), half = n_rot / 2;
  const auto turn = attrs.rope == Rope::half ? run.kernels.rope_half : run.kernels.rope_interleaved;
  const int32_t n_rows = run.call.in[0].dim(0);
  const int64_t work = int64_t(run.call.in[0].size() + run.call.in[1].size()) + int64_t(half) * n_rows * 16;
  parallel(run, n_rows, work, [&](int32_t row, int32_t thread) {
    float *c = angles.c + size_t(thread) * half, *s = angles.s + size_t(thread) * half;
    const Stream& stream = stream_of(*run.call.batch, row);
    const bool is_long = !run.call.in[3].empty() && stream.context > attrs.long_after;
    run.kernels.rope_angles(c, s, position_of(stream, row), f32(run.call.in[is_long ? 3 : 2]), attrs.factor, half);
    for (int i = 0; i < 2; ++i) {  // q, k
      const Tensor& x = run.call.in[i];
      if (x.empty()) continue;
      const size_t D = size_t(x.cols());
      for (int32_t h = 0; h < x.dim(1); ++h) {
        const size_t at = (size_t(row) * size_t(x.dim(1)) + size_t(h)) * D;
        turn(f32_out(run.call.out[i]) + at, f32(x) + at, c, s, n_rot, D);
      }
    }
  });
}

}  // namespace synapse::cpu
