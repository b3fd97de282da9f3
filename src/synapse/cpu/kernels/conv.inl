// Causal depthwise convolution over time. Lanes are channels; the window slides through registers.

// The first n of 16 lanes, n from 1 on: mostly all of them.
SYN_INLINE V load_some(const float* from, size_t n) { return n == 16 ? V::load(from) : load_n(from, n); }
SYN_INLINE void store_some(float* to, V v, size_t n) { n == 16 ? v.store(to) : store_n(to, v, n); }

template <int K>
SYN_INLINE void conv1d_of(const Conv1d& c, int32_t n_taps) {
  const size_t n = size_t(c.n_channels);
  const int32_t taps = K > 0 ? K : n_taps;
  V w[K > 0 ? K : kMaxConv], past[K > 0 ? K : kMaxConv];
  for (int32_t k = 0; k < taps; ++k) {
    float lanes[16] = {};
    for (size_t i = 0; i < n; ++i) lanes[i] = c.w[i * size_t(taps) + size_t(k)];
    w[k] = V::load(lanes);
  }
  for (int32_t k = 0; k + 1 < taps; ++k)
    past[k] = c.history ? load_some(c.history + size_t(k) * c.history_stride, n) : V(0.0f);
  const V bias = c.b ? load_some(c.b, n) : V(0.0f);
  for (int32_t t = 0; t < c.n_rows; ++t) {
    const V now = load_some(c.x + size_t(t) * c.stride, n);
    V y(0.0f);
    for (int32_t k = 0; k + 1 < taps; ++k) y = mul_add(past[k], w[k], y);
    y = mul_add(now, w[taps - 1], y);
    if (c.b) y = y + bias;
    if (c.silu) y = silu_body(y);
    store_some(c.y + size_t(t) * c.stride, y, n);
    for (int32_t k = 0; k + 2 < taps; ++k) past[k] = past[k + 1];
    if (taps > 1) past[taps - 2] = now;
  }
  for (int32_t k = 0; k + 1 < taps && c.history; ++k) store_some(c.history + size_t(k) * c.history_stride, past[k], n);
}

void conv1d(const Conv1d* c) {
  if (c->n_taps == 4) conv1d_of<4>(*c, 4);
  else conv1d_of<0>(*c, c->n_taps);
}
