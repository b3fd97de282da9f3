// Norms of one row. Sums follow the sixteen lanes and the tree.

template <typename Fn>
SYN_INLINE float sum_of(const float* x, size_t n, Fn add_to) {
  V acc(0.0f);
  size_t i = 0;
  for (; i + 16 <= n; i += 16) acc = add_to(acc, V::load(x + i));
  if (i < n) acc = add_to(acc, load_n(x + i, n - i));
  return sum(acc);
}
SYN_INLINE float sum_of_squares(const float* x, size_t n) {
  return sum_of(x, n, [](V acc, V v) { return mul_add(v, v, acc); });
}

// y = (x * r) * w + b
SYN_INLINE void scale_row(float* y, const float* x, float r, const float* w, const float* b, size_t n) {
  map2(y, x, w, n, [&](V v, V weight) { return (v * V(r)) * weight; });
  if (b) map2(y, y, b, n, [](V v, V bias) { return v + bias; });
}

void rms_norm(float* y, const float* x, const float* w, const float* b, float eps, size_t n) {
  const float r = 1.0f / __builtin_sqrtf(sum_of_squares(x, n) / float(n) + eps);
  scale_row(y, x, r, w, b, n);
}

void layer_norm(float* y, const float* x, const float* w, const float* b, float eps, size_t n) {
  const float mean = sum_of(x, n, [](V acc, V v) { return acc + v; }) / float(n);
  map1(y, x, n, [&](V v) { return v - V(mean); });
  const float r = 1.0f / __builtin_sqrtf(sum_of_squares(y, n) / float(n) + eps);
  scale_row(y, y, r, w, b, n);
}

void softmax(float* y, const float* x, size_t n) {
  float m = x[0];
  for (size_t i = 1; i < n; ++i) m = x[i] > m ? x[i] : m;
  map1(y, x, n, [&](V v) { return exp_body(v - V(m)); });
  const float l = sum_of(y, n, [](V acc, V v) { return acc + v; });
  map1(y, y, n, [&](V v) { return v / V(l); });
}
