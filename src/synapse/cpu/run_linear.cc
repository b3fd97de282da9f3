// Linears. Rows of x are normalised and quantised once, then every group of 16 output rows is one unit of work:
// its weights are unpacked run by run of K and meet all rows of x while they lie in the cache.
#include "synapse/cpu/tile_linear.h"

namespace synapse::cpu {
namespace {

constexpr int32_t kMaxPairs = 3;
constexpr int32_t kMaxItems = 64;   // of one weight: a thread then reads neighbouring groups, and prefetches them
constexpr Tensor kNoBias;

struct Weights {
  const Tensor* w;
  const Tensor* b;
  int32_t rows_of;  // which of Plan::quantised it reads; -1: x itself
};

// Everything that the four ops of this group have in common, and where their scratch lies.
struct Plan {
  const Tensor* x;
  const Tensor* norm_w = nullptr;
  const Tensor* norm_b = nullptr;
  Weights weights[kMaxPairs];
  int32_t n_weights = 0;
  int32_t n_rows, n;  // of x

  float* normed = nullptr;
  QuantRows quantised[kMaxPairs];
  int32_t groups[kMaxPairs];
  int32_t n_quantised = 0;
  Tile* tiles;   // two a thread
  float* acc;    // (3, row_block, 16) a thread: of two groups, and room for what a product of unlike weights leaves twice
  int32_t row_block;

  size_t acc_floats() const { return size_t(3 * row_block) * kTileRows; }
  float* acc_of(int32_t thread) const { return acc + size_t(thread) * acc_floats(); }
  Tile* tiles_of(int32_t thread) const { return tiles ? tiles + 2 * thread : nullptr; }
  InputRows rows_of(const Weights& w) const {
    if (w.rows_of < 0) return {0, normed ? normed : f32(*x), {}};
    return {groups[w.rows_of], nullptr, quantised[w.rows_of]};
  }
};

void add_weights(Plan& p, const Tensor& w, const Tensor& b, const Kernels& kernels, Arena& arena) {
  Weights& out = p.weights[p.n_weights++];
  out = {&w, &b, -1};
  const int32_t group = kernels.formats[size_t(w.dtype)].group;
  if (group == 0) return;
  for (int32_t i = 0; i < p.n_quantised; ++i)
    if (p.groups[i] == group) out.rows_of = i;
  if (out.rows_of >= 0) return;
  out.rows_of = p.n_quantised++;
  p.groups[out.rows_of] = group;
  p.quantised[out.rows_of] = take_quantised(arena, p.n_rows, p.n, group);
}

Plan make_plan(const OpCall& call, const Kernels& kernels, int32_t n_threads, Arena& arena) {
  Plan p;
  p.x = &call.in[0], p.n_rows = p.x->rows(), p.n = p.x->cols();
  p.row_block = p.n_rows < kRowBlock ? p.n_rows : kRowBlock;
  if (call.op == Op::norm_linears) {
    p.norm_w = &call.in[1], p.norm_b = &call.in[2];
    p.normed = arena.array<float>(size_t(p.n_rows) * size_t(p.n), Arena::kAlign);
  }
  if (call.op == Op::gated_linears) {
    add_weights(p, call.in[1], call.in[3], kernels, arena), add_weights(p, call.in[2], call.in[4], kernels, arena);
  } else if (call.op == Op::linear_add) {
    add_weights(p, call.in[1], call.in[2], kernels, arena);
  } else {
    SYN_CHECK(call.n_out <= kMaxPairs);
    const int first = call.op == Op::norm_linears ? 3 : 1;
    for (int i = 0; i < call.n_out; ++i)
      add_weights(p, call.in[first + 2 * i], call.in[first + 2 * i + 1], kernels, arena);
  }
  p.tiles = p.n_quantised ? arena.array<Tile>(2 * size_t(n_threads), Arena::kAlign) : nullptr;
  p.acc = arena.array<float>(size_t(n_threads) * p.acc_floats(), Arena::kAlign);
  return p;
}

// Normalises and quantises the rows of x, as far as the plan wants either.
void prepare_rows(const Run& run, const Plan& p) {
  if (!p.normed && !p.n_quantised) return;
  const size_t n = size_t(p.n);
  const auto norm = run.call.attrs.norm == Norm::rms ? run.kernels.rms_norm : run.kernels.layer_norm;
  parallel(run, p.n_rows, int64_t(p.n_rows) * p.n, [&](int32_t row, int32_t) {
    const float* x = f32(*p.x) + size_t(row) * n;
    if (p.normed) {
      float* y = p.normed + size_t(row) * n;
      norm(y, x, f32(*p.norm_w), f32(*p.norm_b), run.call.attrs.eps, n);
      x = y;
    }
    for (int32_t i = 0; i < p.n_quantised; ++i) quantise_into(run.kernels, p.quantised[i], row, x, p.groups[i]);
  });
}

// acc + bias, in place: for what comes between the linear and its output.
void add_bias(const Weights& w, int32_t group, int32_t n_rows, float* acc) {
  if (w.b->empty()) return;
  const float* bias = f32(*w.b) + size_t(group) * kTileRows;
  const int32_t columns = columns_of(w.w->rows(), group);
  for (int32_t r = 0; r < n_rows; ++r)
    for (int32_t c = 0; c < columns; ++c) acc[r * kTileRows + c] = acc[r * kTileRows + c] + bias[c];
}

// out = (acc + bias) + residual, of one group's columns.
void finish(const Weights& w, const Tensor* residual, const Tensor& out, int32_t group, int32_t first_row,
            int32_t n_rows, const float* acc) {
  const int32_t columns = columns_of(w.w->rows(), group);
  const size_t n = size_t(out.cols()), first = size_t(group) * kTileRows;
  const float* bias = w.b->empty() ? nullptr : f32(*w.b) + first;
  for (int32_t r = 0; r < n_rows; ++r) {
    const size_t at = size_t(first_row + r) * n + first;
    float* y = f32_out(out) + at;
    for (int32_t c = 0; c < columns; ++c) {
      float v = acc[r * kTileRows + c];
      if (bias) v = v + bias[c];
      if (residual) v = v + f32(*residual)[at + size_t(c)];
      y[c] = v;
    }
  }
}

// Calls f(unit, first_row, n_rows, thread) for every unit, of 32 rows of weights, in parallel.
template <typename F>
void for_each_unit(const Run& run, const Plan& p, int32_t n_units, F&& f) {
  const int64_t unit = int64_t(p.n_rows) * p.n * kTileRows * 2;
  const int32_t fewest = units_per_item(unit), most = n_units / kMaxItems;
  const int32_t grain = most > fewest ? most : fewest;
  parallel(run, ceil_div(n_units, grain), unit * n_units, [&](int32_t item, int32_t thread) {
    const int32_t end = (item + 1) * grain < n_units ? (item + 1) * grain : n_units;
    for (int32_t i = item * grain; i < end; ++i)
      for (int32_t row = 0; row < p.n_rows; row += p.row_block)
        f(i, row, p.n_rows - row < p.row_block ? p.n_rows - row : p.row_block, thread);
  });
}

// All weights in one go, so that nobody waits between them.
void run_pairs(const Run& run, const Tensor* residual) {
  const Plan p = make_plan(run.call, run.kernels, run.pool.size(), run.scratch);
  prepare_rows(run, p);
  Matrix m[kMaxPairs];
  InputRows x[kMaxPairs];
  int32_t n_pairs[kMaxPairs], n_units = 0;
  for (int32_t i = 0; i < p.n_weights; ++i) {
    m[i] = matrix_of(run, *p.weights[i].w), x[i] = p.rows_of(p.weights[i]);
    n_units += n_pairs[i] = n_pairs_of(m[i].w);
  }
  for_each_unit(run, p, n_units, [&](int32_t unit, int32_t row, int32_t n_rows, int32_t thread) {
    int32_t i = 0;
    for (; unit >= n_pairs[i]; ++i) unit -= n_pairs[i];
    float* const acc = p.acc_of(thread);
    const Pair pair = pair_of(m[i], unit);
    multiply(run, pair, x[i], row, n_rows, p.tiles_of(thread), acc);
    for (int32_t t = 0; t < (pair.group[1] == pair.group[0] ? 1 : 2); ++t)
      finish(p.weights[i], residual, run.call.out[i], pair.group[t], row, n_rows, acc + size_t(t * n_rows) * kTileRows);
  });
}

}  // namespace

void scratch_linear(const OpCall& call, const Kernels& kernels, int32_t n_threads, Arena& arena) {
  make_plan(call, kernels, n_threads, arena);
}

void run_linears(const Run& run) { run_pairs(run, nullptr); }
void run_norm_linears(const Run& run) { run_pairs(run, nullptr); }
void run_linear_add(const Run& run) { run_pairs(run, &run.call.in[3]); }

void run_gated_linears(const Run& run) {
  const Plan p = make_plan(run.call, run.kernels, run.pool.size(), run.scratch);
  prepare_rows(run, p);
  const Matrix gate_w = matrix_of(run, *p.weights[0].w), up_w = matrix_of(run, *p.weights[1].w);
  const InputRows gate_x = p.rows_of(p.weights[0]), up_x = p.rows_of(p.weights[1]);
  const bool alike = gate_w.w.dtype == up_w.w.dtype;
  const auto gate = run.kernels.gate[size_t(run.call.attrs.act)];
  for_each_unit(run, p, ceil_div(gate_w.w.rows(), kTileRows), [&](int32_t group, int32_t row, int32_t n_rows, int32_t thread) {
    float* const g = p.acc_of(thread);
    float* const u = g + n_rows * kTileRows;
    if (alike) {
      multiply(run, {{gate_w, up_w}, {group, group}}, gate_x, row, n_rows, p.tiles_of(thread), g);
    } else {  // each leaves its product twice
      multiply(run, {{gate_w, gate_w}, {group, group}}, gate_x, row, n_rows, p.tiles_of(thread), g);
      multiply(run, {{up_w, up_w}, {group, group}}, up_x, row, n_rows, p.tiles_of(thread), u);
    }
    add_bias(p.weights[0], group, n_rows, g), add_bias(p.weights[1], group, n_rows, u);
    gate(g, g, u, size_t(n_rows) * kTileRows);
    finish({p.weights[0].w, &kNoBias, -1}, nullptr, run.call.out[0], group, row, n_rows, g);
  });
}

}  // namespace synapse::cpu
