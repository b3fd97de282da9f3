// Recurrences in time order. Lanes are channels (values of a head); a state is (.., N, 16), so that one step of one
// N reads and writes 16 lanes side by side. Nothing here depends on how many rows a call has.

// Mamba (Gu and Dao 2023): h = exp(dt A) h + (dt x) B, y = h C + D x, of up to 16 channels.
void selective_scan(const SelectiveScan* s) {
  const size_t n = size_t(s->n_channels), N = size_t(s->n_state);
  const V D = load_some(s->D, n);
  for (int32_t t = 0; t < s->n_rows; ++t) {
    const size_t at = size_t(t) * s->stride;
    const V x = load_some(s->x + at, n), dt = softplus_body(load_some(s->dt + at, n)), dx = dt * x;
    const float *B = s->B + size_t(t) * N, *C = s->C + size_t(t) * N;
    V y(0.0f);
    for (size_t i = 0; i < N; ++i) {
      const V decay = exp_body(dt * V::load(s->A + 16 * i));
      const V h = mul_add(dx, V(B[i]), V::load(s->h + 16 * i) * decay);
      h.store(s->h + 16 * i);
      y = mul_add(h, V(C[i]), y);
    }
    store_some(s->y + at, mul_add(x, D, y), n);
  }
}

// R blocks of 16 values of one head, one step: h = a h + (dt x) B, y = h C + D x.
template <int R>
SYN_INLINE void ssd_step(float* y, float* h, const float* x, const float* B, const float* C, V a, V dt, V D, size_t N,
                         size_t n_last) {
  V dx[R], sum[R], in[R];
  for (int r = 0; r < R; ++r) {
    in[r] = load_some(x + 16 * r, r + 1 < R ? 16 : n_last);
    dx[r] = dt * in[r], sum[r] = V(0.0f);
  }
  for (size_t i = 0; i < N; ++i) {
    const V b(B[i]), c(C[i]);
    for (int r = 0; r < R; ++r) {
      float* const at = h + (size_t(r) * N + i) * 16;
      const V now = mul_add(dx[r], b, V::load(at) * a);
      now.store(at);
      sum[r] = mul_add(now, c, sum[r]);
    }
  }
  for (int r = 0; r < R; ++r) {
    store_some(y + 16 * r, mul_add(in[r], D, sum[r]), r + 1 < R ? 16 : n_last);
  }
}

template <int R>
struct Blocks {
  static constexpr int n = R;
};
// f(Blocks<R>, first value, values in its last block) over the n values of a head, in blocks of 16, up to four at once.
template <typename F>
SYN_INLINE void each_blocks(size_t n, F f) {
  size_t i = 0;
  for (; i + 64 <= n; i += 64) f(Blocks<4>(), i, size_t(16));
  for (; i < n; i += 16) f(Blocks<1>(), i, n - i < 16 ? n - i : size_t(16));
}

// Mamba-2 (Dao and Gu 2024), one head: one decay for all its values.
void ssd_scan(const SsdScan* s) {
  const size_t P = size_t(s->n_values), N = size_t(s->n_state);
  const V D(s->D), bias(s->dt_bias), least(s->dt_min), most(s->dt_max);
  for (int32_t t = 0; t < s->n_rows; ++t) {
    const size_t at = size_t(t) * s->stride;
    V dt = softplus_body(V(s->dt[size_t(t) * s->dt_stride]) + bias);
    dt = select(dt < least, least, dt), dt = select(most < dt, most, dt);
    const V a = exp_body(dt * V(s->A));
    float* const y = s->y + size_t(t) * s->y_stride;
    each_blocks(P, [&](auto blocks, size_t first, size_t n_last) {
      ssd_step<decltype(blocks)::n>(y + first, s->h + first * N, s->x + at + first, s->B + at, s->C + at, a, dt, D, N, n_last);
    });
  }
}

// One step of a state S (values, keys) under the delta rule, R blocks of 16 values:
// u = S a;  S = (S diag(w) + v k^T) + u b^T;  y = S r.  All but v and y run over the n keys.
struct DeltaStep {
  const float *r, *w, *k, *a, *b;
};
template <int R>
SYN_INLINE void delta_step(float* y, float* S, const float* v, const DeltaStep& d, size_t n, size_t n_last) {
  V u[R], out[R], value[R];
  for (int i = 0; i < R; ++i) {
    value[i] = load_some(v + 16 * i, i + 1 < R ? 16 : n_last);
    u[i] = out[i] = V(0.0f);
  }
  for (size_t j = 0; j < n; ++j)
    for (int i = 0; i < R; ++i) u[i] = mul_add(V::load(S + (size_t(i) * n + j) * 16), V(d.a[j]), u[i]);
  for (size_t j = 0; j < n; ++j) {
    const V w(d.w[j]), k(d.k[j]), b(d.b[j]), r(d.r[j]);
    for (int i = 0; i < R; ++i) {
      float* const at = S + (size_t(i) * n + j) * 16;
      const V now = mul_add(u[i], b, mul_add(value[i], k, V::load(at) * w));
      now.store(at);
      out[i] = mul_add(now, r, out[i]);
    }
  }
  for (int i = 0; i < R; ++i) store_some(y + 16 * i, out[i], i + 1 < R ? 16 : n_last);
}
SYN_INLINE void delta_rule(float* y, float* S, const float* v, const DeltaStep& d, size_t n_keys, size_t n_values) {
  each_blocks(n_values, [&](auto blocks, size_t first, size_t n_last) {
    delta_step<decltype(blocks)::n>(y + first, S + first * n_keys, v + first, d, n_keys, n_last);
  });
}

SYN_INLINE float sum_of_products(const float* x, const float* y, size_t n) {
  V acc(0.0f);
  size_t i = 0;
  for (; i + 16 <= n; i += 16) acc = mul_add(V::load(x + i), V::load(y + i), acc);
  if (i < n) acc = mul_add(load_n(x + i, n - i), load_n(y + i, n - i), acc);
  return sum(acc);
}

// RWKV-7 (Peng et al. 2025), one head of time mixing: everything between its projections and the output gate.
void wkv7(const Wkv7* s) {
  const size_t D = size_t(s->head_dim);
  float *const w = s->scratch, *const k = w + D, *const a = k + D, *const b = a + D;
  for (int32_t t = 0; t < s->n_rows; ++t) {
    const size_t at = size_t(t) * s->stride;
    const float *r = s->r + at, *v = s->v + at, *rate = s->a + at;
    float* const y = s->y + at;
    map1(w, s->w + at, D, [](V x) { return exp_body(V(-0.606531f) * sigmoid_body(x)); });
    map1(b, rate, D, [](V x) { return sigmoid_body(x); });
    map2(k, b, s->k_a, D, [](V x, V mix) { return mul_add(x - V(1.0f), mix, V(1.0f)); });
    map2(k, s->k + at, k, D, [](V x, V f) { return x * f; });
    map2(a, s->k + at, s->k_k, D, [](V x, V f) { return x * f; });
    float length = __builtin_sqrtf(sum_of_squares(a, D));
    length = length > 1e-12f ? length : 1e-12f;
    map1(a, a, D, [&](V x) { return x / V(length); });
    map2(b, a, b, D, [](V x, V f) { return x * f; });
    map1(a, a, D, [](V x) { return V(0.0f) - x; });
    delta_rule(y, s->S, v, {r, w, k, a, b}, D, D);
    layer_norm(y, y, s->norm_w, s->norm_b, s->eps, D);
    map2(k, r, k, D, [](V x, V f) { return x * f; });
    const float bonus = sum_of_products(k, s->r_k, D);
    map2(y, v, y, D, [&](V x, V f) { return mul_add(x, V(bonus), f); });
  }
}

// Gated DeltaNet (Yang et al. 2024), one value head: q and k of length 1, S = g S + beta (v - g S k) k^T, y = S q.
void gated_delta(const GatedDelta* s) {
  const size_t K = size_t(s->n_keys);
  float *const r = s->scratch, *const w = r + K, *const k = w + K, *const a = k + K, *const b = a + K;
  const auto unit = [&](float* to, const float* x, float factor) {
    const float scale = 1.0f / __builtin_sqrtf(sum_of_squares(x, K) + s->eps);
    map1(to, x, K, [&](V v) { return (v * V(scale)) * V(factor); });
  };
  for (int32_t t = 0; t < s->n_rows; ++t) {
    const size_t at = size_t(t) * s->stride;
    const V dt = softplus_body(V(s->dt[size_t(t) * s->gate_stride]) + V(s->dt_bias));
    const V g = exp_body(dt * V(s->A)), beta = sigmoid_body(V(s->beta[size_t(t) * s->gate_stride]));
    unit(r, s->q + at, s->factor), unit(a, s->k + at, 1.0f);
    map1(w, a, K, [&](V) { return g; });
    map1(k, a, K, [&](V x) { return x * beta; });
    map1(b, k, K, [&](V x) { return V(0.0f) - x * g; });
    delta_rule(s->y + size_t(t) * s->y_stride, s->S, s->v + at, {r, w, k, a, b}, K, size_t(s->n_values));
  }
}
