// Mixtures of experts. The rows of a call are sorted by expert, so that each expert's weights are read once however
// many rows it has; results go back to the place that the row came from.
#include "synapse/cpu/tile_linear.h"

namespace synapse::cpu {
namespace {

constexpr int32_t kMaxWeights = 2;  // gate and up
constexpr int32_t kMaxItems = 64;   // of a call: a thread then reads neighbouring groups, and prefetches them

const int32_t* i32(const Tensor& t) { return static_cast<const int32_t*>(t.data); }

struct Choice {  // of one router, E each
  float* p;      // the weight that an expert would have
  float* key;    // the larger, the sooner chosen
  bool* chosen;
};
Choice take_choices(const OpCall& call, int32_t n_threads, Arena& arena) {  // one a thread
  const size_t n = size_t(call.in[0].cols()) * size_t(n_threads);
  float* p = arena.array<float>(n, Arena::kAlign);
  float* key = arena.array<float>(n, Arena::kAlign);
  return {p, key, arena.array<bool>(n)};
}

// Marks the k largest keys, the lower index first among equals. A NaN is chosen only where nothing else is left.
void choose(const Choice& c, int32_t E, int32_t k) {
  for (int32_t e = 0; e < E; ++e) c.chosen[e] = false;
  for (int32_t j = 0; j < k; ++j) {
    int32_t best = -1;
    for (int32_t e = 0; e < E; ++e)
      if (!c.chosen[e] && (best < 0 || c.key[e] > c.key[best] || c.key[best] != c.key[best])) best = e;
    c.chosen[best] = true;
  }
}

struct Weights {
  const Tensor* w;  // (E, out, in)
  InputRows rows;   // sorted by expert
};

struct Plan {
  int32_t k, n_rows, n;     // experts of a token; rows of all experts together, T k; elements of a row of x
  int32_t E, out;
  Weights weights[kMaxWeights];
  int32_t n_weights = 0;
  int32_t* first;           // (E + 1): sorted rows first[e] .. first[e + 1] - 1 belong to expert e
  int32_t* place;           // (n_rows): where a sorted row stands in (T, k)
  int32_t* busy;            // (E): the experts that have rows, ascending
  float* gathered = nullptr;  // (n_rows, n), for float weights
  Tile* tiles = nullptr;    // two a thread
  float* acc;               // (3, row_block, 16) a thread: of two groups, and room for what a product of unlike weights leaves twice
  int32_t row_block;

  size_t acc_floats() const { return size_t(3 * row_block) * kTileRows; }
  Tile* tiles_of(int32_t thread) const { return tiles ? tiles + 2 * thread : nullptr; }
};

Plan make_plan(const OpCall& call, const Kernels& kernels, int32_t n_threads, Arena& arena) {
  const bool gated = call.op == Op::expert_gated_linears;
  const Tensor &experts = call.in[1], &w = call.in[2];
  Plan p;
  p.k = experts.cols(), p.n_rows = experts.dims[0] * p.k, p.n = w.cols();
  p.E = w.dims[0], p.out = w.dims[1];
  p.first = arena.array<int32_t>(size_t(p.E) + 1);
  p.place = arena.array<int32_t>(size_t(p.n_rows));
  p.busy = arena.array<int32_t>(size_t(p.E));
  for (int i = 0; i < (gated ? 2 : 1); ++i) {
    Weights& to = p.weights[p.n_weights++];
    to.w = &call.in[2 + i];
    to.rows.group = kernels.formats[size_t(to.w->dtype)].group;
    if (to.rows.group == 0) {
      if (!p.gathered) p.gathered = arena.array<float>(size_t(p.n_rows) * size_t(p.n), Arena::kAlign);
      to.rows.x = p.gathered;
    } else if (i == 1 && to.rows.group == p.weights[0].rows.group) {
      to.rows = p.weights[0].rows;
    } else {
      to.rows.quantised = take_quantised(arena, p.n_rows, p.n, to.rows.group);
    }
    if (to.rows.group && !p.tiles) p.tiles = arena.array<Tile>(2 * size_t(n_threads), Arena::kAlign);
  }
  p.row_block = p.n_rows < kRowBlock ? p.n_rows : kRowBlock;
  p.acc = arena.array<float>(size_t(n_threads) * p.acc_floats(), Arena::kAlign);
  return p;
}

// Fills first, place and busy; returns how many experts are busy.
int32_t sort_rows(const Plan& p, const int32_t* experts) {
  for (int32_t e = 0; e <= p.E; ++e) p.first[e] = 0;
  for (int32_t i = 0; i < p.n_rows; ++i) {
    SYN_CHECK(experts[i] >= 0 && experts[i] < p.E);
    ++p.first[experts[i] + 1];
  }
  int32_t n_busy = 0;
  for (int32_t e = 0; e < p.E; ++e) {
    if (p.first[e + 1] > 0) p.busy[n_busy++] = e;
    p.first[e + 1] += p.first[e];
  }
  for (int32_t i = 0; i < p.n_rows; ++i) p.place[p.first[experts[i]]++] = i;
  for (int32_t e = p.E; e > 0; --e) p.first[e] = p.first[e - 1];
  p.first[0] = 0;
  return n_busy;
}

// Sorted row r of x, quantised or gathered as the weights want it. `per_token`: x has a row for each token, not for
// each of its experts.
void prepare_rows(const Run& run, const Plan& p, bool per_token) {
  const size_t n = size_t(p.n);
  parallel(run, p.n_rows, int64_t(p.n_rows) * p.n, [&](int32_t r, int32_t) {
    const int32_t from = per_token ? p.place[r] / p.k : p.place[r];
    const float* x = f32(run.call.in[0]) + size_t(from) * n;
    if (p.gathered) std::memcpy(p.gathered + size_t(r) * n, x, n * sizeof(float));
    for (int32_t i = 0; i < p.n_weights; ++i) {
      const InputRows& rows = p.weights[i].rows;
      if (rows.group && (i == 0 || rows.group != p.weights[0].rows.group))
        quantise_into(run.kernels, rows.quantised, r, x, rows.group);
    }
  });
}

// f(expert, unit, first row, n rows, thread) for n_units units, of 32 rows of weights, of every busy expert, in parallel; rows
// count from the expert's first.
template <typename F>
void for_each_unit(const Run& run, const Plan& p, int32_t n_busy, int32_t n_units, F&& f) {
  const int64_t unit_work = int64_t(p.n) * kTileRows * 2;
  int32_t grain = units_per_item(unit_work * ceil_div(p.n_rows, n_busy));
  if (grain < n_busy * n_units / kMaxItems) grain = n_busy * n_units / kMaxItems;
  if (grain > n_units) grain = n_units;
  const int32_t items = ceil_div(n_units, grain);
  parallel(run, n_busy * items, unit_work * n_units * p.n_rows, [&](int32_t item, int32_t thread) {
    const int32_t e = p.busy[item / items], n_rows = p.first[e + 1] - p.first[e];
    const int32_t start = item % items * grain, end = start + grain < n_units ? start + grain : n_units;
    for (int32_t i = start; i < end; ++i)
      for (int32_t row = 0; row < n_rows; row += p.row_block)
        f(e, i, p.first[e] + row, n_rows - row < p.row_block ? n_rows - row : p.row_block, thread);
  });
}

void run_experts(const Run& run) {
  const Plan p = make_plan(run.call, run.kernels, run.pool.size(), run.scratch);
  if (p.n_rows == 0) return;
  const int32_t n_busy = sort_rows(p, i32(run.call.in[1]));
  prepare_rows(run, p, run.call.op == Op::expert_gated_linears);
  const auto gate = run.kernels.gate[size_t(run.call.attrs.act)];
  Matrix all[kMaxWeights];
  for (int32_t i = 0; i < p.n_weights; ++i) all[i] = matrix_of(run, *p.weights[i].w);
  const bool gated = p.n_weights == 2, alike = gated && all[0].w.dtype == all[1].w.dtype;
  const int32_t n_units = gated ? ceil_div(p.out, kTileRows) : n_pairs_of(matrix_of_expert(all[0], 0).w);
  for_each_unit(run, p, n_busy, n_units, [&](int32_t e, int32_t unit, int32_t row, int32_t n_rows, int32_t thread) {
    float* const y = p.acc + size_t(thread) * p.acc_floats();
    float* const u = y + n_rows * kTileRows;
    const auto put = [&](int32_t g, const float* from) {
      for (int32_t r = 0; r < n_rows; ++r) {
        float* out = f32_out(run.call.out[0]) + size_t(p.place[row + r]) * size_t(p.out) + size_t(g) * kTileRows;
        std::memcpy(out, from + r * kTileRows, size_t(columns_of(p.out, g)) * sizeof(float));
      }
    };
    const auto product = [&](const Pair& pair, int i, float* acc) {
      multiply(run, pair, p.weights[i].rows, row, n_rows, p.tiles_of(thread), acc);
    };
    const Matrix first = matrix_of_expert(all[0], e);
    if (!gated) {
      const Pair pair = pair_of(first, unit);
      product(pair, 0, y), put(pair.group[0], y);
      if (pair.group[1] != pair.group[0]) put(pair.group[1], u);
      return;
    }
    const Matrix second = matrix_of_expert(all[1], e);
    if (alike) product({{first, second}, {unit, unit}}, 0, y);
    else product({{first, first}, {unit, unit}}, 0, y), product({{second, second}, {unit, unit}}, 1, u);  // each leaves its product twice
    gate(y, y, u, size_t(n_rows) * kTileRows);
    put(unit, y);
  });
}

}  // namespace

void scratch_route(const OpCall& call, const Kernels&, int32_t n_threads, Arena& arena) {
  take_choices(call, n_threads, arena);
}

void run_route(const Run& run) {
  const Tensor &scores = run.call.in[0], &bias = run.call.in[1];
  const Attrs& attrs = run.call.attrs;
  const int32_t E = scores.cols(), k = run.call.out[0].cols();
  const Choice all = take_choices(run.call, run.pool.size(), run.scratch);
  parallel(run, scores.rows(), int64_t(scores.rows()) * E * (k + 16), [&](int32_t row, int32_t thread) {
    const size_t own = size_t(thread) * size_t(E);
    const Choice c = {all.p + own, all.key + own, all.chosen + own};
    const float* s = f32(scores) + size_t(row) * size_t(E);
    if (attrs.gating == Gating::softmax) run.kernels.softmax(c.p, s, size_t(E));
    else run.kernels.activate[size_t(Act::sigmoid)](c.p, s, size_t(E));
    if (bias.empty()) std::memcpy(c.key, s, size_t(E) * sizeof(float));
    else run.kernels.add(c.key, c.p, f32(bias), size_t(E));
    choose(c, E, k);

    int32_t* experts = static_cast<int32_t*>(run.call.out[0].data) + size_t(row) * size_t(k);
    float* weights = f32_out(run.call.out[1]) + size_t(row) * size_t(k);
    float sum = 0;
    for (int32_t e = 0, j = 0; e < E; ++e) {
      if (!c.chosen[e]) continue;
      experts[j] = e, weights[j] = c.p[e], sum = sum + c.p[e];
      ++j;
    }
    sum = sum + 1e-20f;
    for (int32_t j = 0; j < k; ++j) {
      if (attrs.renormalise) weights[j] = weights[j] / sum;
      weights[j] = weights[j] * attrs.factor;
    }
  });
}

void scratch_experts(const OpCall& call, const Kernels& kernels, int32_t n_threads, Arena& arena) {
  make_plan(call, kernels, n_threads, arena);
}

void run_expert_linears(const Run& run) { run_experts(run); }
void run_expert_gated_linears(const Run& run) { run_experts(run); }

void run_expert_sum(const Run& run) {
  const Tensor &x = run.call.in[0], &residual = run.call.in[2];
  const int32_t k = x.dim(1);
  const size_t n = size_t(x.cols());
  parallel(run, x.dim(0), int64_t(x.size()), [&](int32_t row, int32_t) {
    float* y = f32_out(run.call.out[0]) + size_t(row) * n;
    std::memset(y, 0, n * sizeof(float));
    for (int32_t j = 0; j < k; ++j) {
      const size_t at = size_t(row) * size_t(k) + size_t(j);
      run.kernels.add_scaled(y, f32(x) + at * n, f32(run.call.in[1])[at], n);
    }
    if (!residual.empty()) run.kernels.add(y, y, f32(residual) + size_t(row) * n, n);
  });
}

}  // namespace synapse::cpu
