// Recurrences: every stream's rows in time order, split over threads by channels or heads.
#include "synapse/cpu/run.h"

namespace synapse::cpu {
namespace {

constexpr int32_t kLanes = 16;
size_t padded(int32_t n) { return size_t(ceil_div(n, kLanes)) * kLanes; }

// Spare of one thread: a state for streams that keep none, and what a kernel wants besides.
struct Spare {
  float* state;
  float* more;
  size_t n_state, n_more;

  float* state_of(int32_t thread) const { return state + size_t(thread) * n_state; }
  float* more_of(int32_t thread) const { return more + size_t(thread) * n_more; }
};
Spare take(Arena& arena, int32_t n_threads, size_t n_state, size_t n_more) {
  Spare s{nullptr, nullptr, n_state, n_more};
  s.state = arena.array<float>(size_t(n_threads) * n_state, Arena::kAlign);
  s.more = arena.array<float>(size_t(n_threads) * n_more, Arena::kAlign);
  return s;
}

// Where a state of n floats lies, `at` floats into the op's own: in the stream's rows, or zeros in `spare`.
float* state_at(const Run& run, const Stream& s, size_t at, float* spare, size_t n) {
  if (s.rows) return s.rows + size_t(run.call.attrs.state_row) + at;
  std::memset(spare, 0, n * sizeof(float));
  return spare;
}

// f(stream, unit, thread) for every unit of every stream.
template <typename F>
void each_unit(const Run& run, int32_t n_units, int64_t work, F&& f) {
  const Batch& batch = *run.call.batch;
  parallel(run, int32_t(batch.streams.size()) * n_units, work,
           [&](int32_t item, int32_t thread) { f(batch.streams[size_t(item / n_units)], item % n_units, thread); });
}

// What one head of a scan takes.
struct HeadScratch {
  size_t n_state, n_more;
};
HeadScratch head_scratch(const OpCall& call) {
  const int32_t N = call.attrs.n_state;
  switch (call.op) {
    case Op::selective_scan: {
      const size_t n = size_t(call.in[2].cols()) * kLanes;
      return {n, n};
    }
    case Op::ssd_scan:
      return {padded(call.out[0].cols() / call.in[1].cols()) * size_t(N), 0};
    case Op::wkv7: {
      const int32_t D = call.in[0].cols();
      return {padded(D) * size_t(D), 4 * size_t(D)};
    }
    case Op::gated_delta:
      return {padded(call.out[0].cols() / call.in[1].cols()) * size_t(N), 5 * size_t(N)};
    default:
      return {0, 0};
  }
}
Spare take_scan(const OpCall& call, int32_t n_threads, Arena& arena) {
  const HeadScratch h = head_scratch(call);
  return take(arena, n_threads, h.n_state, h.n_more);
}

}  // namespace

void scratch_scan(const OpCall& call, const Kernels&, int32_t n_threads, Arena& arena) {
  take_scan(call, n_threads, arena);
}

void run_token_shift(const Run& run) {
  const Tensor &x = run.call.in[0], &mix = run.call.in[1];
  const size_t C = size_t(x.cols()), all = x.size();
  constexpr size_t kRun = 512;
  const int32_t n_runs = int32_t((C + kRun - 1) / kRun);
  each_unit(run, n_runs, int64_t(all) * mix.rows() * 2, [&](const Stream& s, int32_t unit, int32_t) {
    const size_t first = size_t(unit) * kRun, n = C - first < kRun ? C - first : kRun;
    const float zeros[kRun] = {};
    float* const kept = s.rows ? s.rows + size_t(run.call.attrs.state_row) + first : nullptr;
    const float* before = kept ? kept : zeros;
    const float* row = f32(x) + size_t(s.first_row) * C + first;
    for (int32_t t = 0; t < s.n_rows; ++t, before = row, row += C)
      for (int32_t m = 0; m < mix.rows(); ++m)
        run.kernels.lerp(f32_out(run.call.out[0]) + size_t(m) * all + size_t(s.first_row + t) * C + first, row, before,
                         f32(mix) + size_t(m) * C + first, n);
    if (kept && s.n_rows > 0) std::memcpy(kept, before, n * sizeof(float));
  });
}

void run_conv1d(const Run& run) {
  const Tensor &x = run.call.in[0], &w = run.call.in[1], &b = run.call.in[2];
  const int32_t C = x.cols(), taps = w.cols();
  each_unit(run, ceil_div(C, kLanes), int64_t(x.size()) * taps * 2, [&](const Stream& s, int32_t unit, int32_t) {
    const int32_t first = unit * kLanes;
    const size_t at = size_t(s.first_row) * size_t(C) + size_t(first);
    Conv1d conv;
    conv.y = f32_out(run.call.out[0]) + at, conv.x = f32(x) + at;
    conv.history = s.rows ? s.rows + run.call.attrs.state_row + first : nullptr, conv.history_stride = size_t(C);
    conv.w = f32(w) + size_t(first) * size_t(taps), conv.b = b.empty() ? nullptr : f32(b) + first;
    conv.n_rows = s.n_rows, conv.n_taps = taps, conv.n_channels = C - first < kLanes ? C - first : kLanes;
    conv.stride = size_t(C), conv.silu = run.call.attrs.act == Act::silu;
    run.kernels.conv1d(&conv);
  });
}

void run_selective_scan(const Run& run) {
  const Tensor &x = run.call.in[0], &B = run.call.in[2], &A = run.call.in[4];
  const int32_t C = x.cols(), N = B.cols();
  const Spare scratch = take_scan(run.call, run.pool.size(), run.scratch);
  each_unit(run, ceil_div(C, kLanes), int64_t(x.size()) * N * 8, [&](const Stream& s, int32_t unit, int32_t thread) {
    const int32_t first = unit * kLanes, n = C - first < kLanes ? C - first : kLanes;
    float* const lanes = scratch.more_of(thread);
    for (int32_t i = 0; i < N; ++i)
      for (int32_t c = 0; c < kLanes; ++c) lanes[i * kLanes + c] = c < n ? f32(A)[size_t(first + c) * size_t(N) + size_t(i)] : 0;
    const size_t at = size_t(s.first_row) * size_t(C) + size_t(first), groups = size_t(s.first_row) * size_t(N);
    SelectiveScan scan;
    scan.y = f32_out(run.call.out[0]) + at, scan.x = f32(x) + at, scan.dt = f32(run.call.in[1]) + at;
    scan.B = f32(B) + groups, scan.C = f32(run.call.in[3]) + groups;
    scan.A = lanes, scan.D = f32(run.call.in[5]) + first;
    scan.h = state_at(run, s, size_t(unit) * scratch.n_state, scratch.state_of(thread), scratch.n_state);
    scan.n_rows = s.n_rows, scan.n_state = N, scan.n_channels = n, scan.stride = size_t(C);
    run.kernels.selective_scan(&scan);
  });
}

void run_ssd_scan(const Run& run) {
  const Attrs& attrs = run.call.attrs;
  const Tensor &x = run.call.in[0], &dt = run.call.in[1], &y = run.call.out[0];
  const int32_t H = dt.cols(), G = attrs.n_groups, N = attrs.n_state, P = y.cols() / H;
  const Spare scratch = take_scan(run.call, run.pool.size(), run.scratch);
  each_unit(run, H, int64_t(y.size()) * N * 4, [&](const Stream& s, int32_t head, int32_t thread) {
    const float* row = f32(x) + size_t(s.first_row) * size_t(x.cols());
    const int32_t group = head / (H / G);
    SsdScan scan;
    scan.y = f32_out(y) + size_t(s.first_row) * size_t(y.cols()) + size_t(head) * size_t(P);
    scan.x = row + head * P, scan.B = row + H * P + group * N, scan.C = scan.B + G * N;
    scan.dt = f32(dt) + size_t(s.first_row) * size_t(H) + size_t(head);
    scan.h = state_at(run, s, size_t(head) * scratch.n_state, scratch.state_of(thread), scratch.n_state);
    scan.A = f32(run.call.in[2])[head], scan.D = f32(run.call.in[3])[head], scan.dt_bias = f32(run.call.in[4])[head];
    scan.dt_min = attrs.dt_min, scan.dt_max = attrs.dt_max;
    scan.n_rows = s.n_rows, scan.n_values = P, scan.n_state = N;
    scan.y_stride = size_t(y.cols()), scan.stride = size_t(x.cols()), scan.dt_stride = size_t(H);
    run.kernels.ssd_scan(&scan);
  });
}

void run_wkv7(const Run& run) {
  const Tensor& r = run.call.in[0];
  const int32_t H = r.dim(1), D = r.cols();
  const Spare scratch = take_scan(run.call, run.pool.size(), run.scratch);
  each_unit(run, H, int64_t(r.size()) * D * 8, [&](const Stream& s, int32_t head, int32_t thread) {
    const size_t at = (size_t(s.first_row) * size_t(H) + size_t(head)) * size_t(D), channel = size_t(head) * size_t(D);
    const Tensor* in = run.call.in;
    Wkv7 scan;
    scan.y = f32_out(run.call.out[0]) + at;
    scan.r = f32(r) + at, scan.w = f32(in[1]) + at, scan.k = f32(in[2]) + at, scan.v = f32(in[3]) + at, scan.a = f32(in[4]) + at;
    scan.k_k = f32(in[5]) + channel, scan.k_a = f32(in[6]) + channel, scan.r_k = f32(in[7]) + channel;
    scan.norm_w = f32(in[8]) + channel, scan.norm_b = f32(in[9]) + channel;
    scan.S = state_at(run, s, size_t(head) * scratch.n_state, scratch.state_of(thread), scratch.n_state);
    scan.scratch = scratch.more_of(thread);
    scan.n_rows = s.n_rows, scan.head_dim = D, scan.stride = size_t(H) * size_t(D), scan.eps = run.call.attrs.eps;
    run.kernels.wkv7(&scan);
  });
}

void run_gated_delta(const Run& run) {
  const Attrs& attrs = run.call.attrs;
  const Tensor &x = run.call.in[0], &dt = run.call.in[1], &y = run.call.out[0];
  const int32_t H = dt.cols(), G = attrs.n_groups, K = attrs.n_state, D = y.cols() / H;
  const Spare scratch = take_scan(run.call, run.pool.size(), run.scratch);
  each_unit(run, H, int64_t(y.size()) * K * 8, [&](const Stream& s, int32_t head, int32_t thread) {
    const float* row = f32(x) + size_t(s.first_row) * size_t(x.cols());
    const int32_t group = head / (H / G);
    const size_t gates = size_t(s.first_row) * size_t(H) + size_t(head);
    GatedDelta scan;
    scan.y = f32_out(y) + size_t(s.first_row) * size_t(y.cols()) + size_t(head) * size_t(D);
    scan.q = row + group * K, scan.k = row + (G + group) * K, scan.v = row + 2 * G * K + head * D;
    scan.dt = f32(dt) + gates, scan.beta = f32(run.call.in[2]) + gates;
    scan.S = state_at(run, s, size_t(head) * scratch.n_state, scratch.state_of(thread), scratch.n_state);
    scan.scratch = scratch.more_of(thread);
    scan.A = f32(run.call.in[3])[head], scan.dt_bias = f32(run.call.in[4])[head];
    scan.factor = attrs.factor, scan.eps = attrs.eps;
    scan.n_rows = s.n_rows, scan.n_keys = K, scan.n_values = D;
    scan.y_stride = size_t(y.cols()), scan.stride = size_t(x.cols()), scan.gate_stride = size_t(H);
    run.kernels.gated_delta(&scan);
  });
}

}  // namespace synapse::cpu
