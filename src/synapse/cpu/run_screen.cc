// The reduced head: bounds of all products from the high plane of a weight, then some groups of 16 in full.
#include "synapse/cpu/kernels/planes.h"
#include "synapse/cpu/tile_linear.h"

namespace synapse::cpu {
namespace {

constexpr int32_t kItems = 64;  // into which the groups of a weight are parted

// The row of x, normalised and quantised, and what the threads want.
struct Plan {
  InputRows x;
  float* normed;
  float* norms;  // of the blocks of x
  Tile* tiles;   // two a thread
  float* acc;    // (2, 16) a thread
};

Plan make_plan(const OpCall& call, const Kernels& kernels, int32_t n_threads, Arena& arena) {
  const int32_t n = call.in[0].cols(), group = kernels.formats[size_t(call.in[3].dtype)].group;
  Plan p;
  p.normed = arena.array<float>(size_t(n), Arena::kAlign);
  p.x = {group, nullptr, take_quantised(arena, 1, n, group)};
  p.norms = arena.array<float>(size_t(n / kBlock), Arena::kAlign);
  p.tiles = arena.array<Tile>(2 * size_t(n_threads), Arena::kAlign);
  p.acc = arena.array<float>(2 * kTileRows * size_t(n_threads), Arena::kAlign);
  return p;
}

Plan prepare(const Run& run) {
  const Plan p = make_plan(run.call, run.kernels, run.pool.size(), run.scratch);
  const float* x = f32(run.call.in[0]);
  if (!run.call.in[1].empty()) {
    const auto norm = run.call.attrs.norm == Norm::rms ? run.kernels.rms_norm : run.kernels.layer_norm;
    norm(p.normed, x, f32(run.call.in[1]), f32(run.call.in[2]), run.call.attrs.eps, size_t(run.call.in[0].cols()));
    x = p.normed;
  }
  quantise_into(run.kernels, p.x.quantised, 0, x, p.x.group);
  return p;
}

}  // namespace

void scratch_screen(const OpCall& call, const Kernels& kernels, int32_t n_threads, Arena& arena) {
  make_plan(call, kernels, n_threads, arena);
}

void run_norm_screen(const Run& run) {
  const Plan p = prepare(run);
  const Matrix m = matrix_of(run, run.call.in[3]);
  const auto screen = run.kernels.formats[size_t(m.w.dtype)].screen;
  SYN_CHECK(screen && m.packed.low);
  const int32_t n_blocks = m.w.cols() / kBlock, n_pairs = n_pairs_of(m.w);
  const int32_t grain = ceil_div(n_pairs, kItems);
  plane_norms(p.norms, p.x.quantised, n_blocks);
  parallel(run, ceil_div(n_pairs, grain), int64_t(m.w.size()), [&](int32_t item, int32_t) {
    for (int32_t i = item * grain; i < (item + 1) * grain && i < n_pairs; ++i) {
      const Pair pair = pair_of(m, i);
      const uint8_t* const high[] = {planes_of(m, pair.group[0]).high, planes_of(m, pair.group[1]).high};
      float upper[2 * kTileRows], most[2], best[2];
      screen(upper, most, best, high, &p.x.quantised, p.norms, n_blocks);
      for (int32_t k = 0; k < 2; ++k) {  // the same twice where a group has no second
        const int32_t group = pair.group[k];
        std::memcpy(f32_out(run.call.out[0]) + size_t(group) * kTileRows, upper + k * kTileRows,
                    size_t(columns_of(m.w.rows(), group)) * sizeof(float));
        f32_out(run.call.out[1])[group] = most[k], f32_out(run.call.out[2])[group] = best[k];
      }
    }
  });
}

void run_norm_linear_groups(const Run& run) {
  const Plan p = prepare(run);
  const Matrix m = matrix_of(run, run.call.in[3]);
  const int32_t n = run.call.in[4].cols(), n_pairs = ceil_div(n, 2);
  const auto* groups = static_cast<const int32_t*>(run.call.in[4].data);
  parallel(run, n_pairs, int64_t(n) * kTileRows * m.w.cols(), [&](int32_t i, int32_t thread) {
    const int32_t first = 2 * i, second = first + 1 < n ? first + 1 : first;
    float* const acc = p.acc + size_t(thread) * 2 * kTileRows;
    multiply(run, {{m, m}, {groups[first], groups[second]}}, p.x, 0, 1, p.tiles + 2 * thread, acc);
    std::memcpy(f32_out(run.call.out[0]) + size_t(first) * kTileRows, acc, size_t(second - first + 1) * kTileRows * sizeof(float));
  });
}

}  // namespace synapse::cpu
