// y[i] = f(x[i]), and of two operands: sixteen at a time, then the rest in the same lanes.

template <typename Fn>
SYN_INLINE void map1(float* y, const float* x, size_t n, Fn f) {
  size_t i = 0;
  for (; i + 16 <= n; i += 16) f(V::load(x + i)).store(y + i);
  if (i < n) store_n(y + i, f(load_n(x + i, n - i)), n - i);
}

template <typename Fn>
SYN_INLINE void map2(float* y, const float* a, const float* b, size_t n, Fn f) {
  size_t i = 0;
  for (; i + 16 <= n; i += 16) f(V::load(a + i), V::load(b + i)).store(y + i);
  if (i < n) store_n(y + i, f(load_n(a + i, n - i), load_n(b + i, n - i)), n - i);
}

struct None {
  SYN_INLINE static V of(V x) { return x; }
};
struct Silu {
  SYN_INLINE static V of(V x) { return silu_body(x); }
};
struct Gelu {
  SYN_INLINE static V of(V x) { return gelu_body(x); }
};
struct GeluTanh {
  SYN_INLINE static V of(V x) { return gelu_tanh_body(x); }
};
struct Relu {
  SYN_INLINE static V of(V x) { return relu_body(x); }
};
struct Tanh {
  SYN_INLINE static V of(V x) { return tanh_body(x); }
};
struct Relu2 {
  SYN_INLINE static V of(V x) { return relu_body(x) * relu_body(x); }
};

struct Sigmoid {
  SYN_INLINE static V of(V x) { return sigmoid_body(x); }
};

template <typename Act>
void activate(float* y, const float* x, size_t n) {
  map1(y, x, n, [](V v) { return Act::of(v); });
}
template <typename Act>
void gate(float* y, const float* g, const float* u, size_t n) {
  map2(y, g, u, n, [](V a, V b) { return Act::of(a) * b; });
}
void add(float* y, const float* a, const float* b, size_t n) {
  map2(y, a, b, n, [](V v, V w) { return v + w; });
}
// a + (b - a) * t
void lerp(float* y, const float* a, const float* b, const float* t, size_t n) {
  const auto of = [](V v, V w, V u) { return mul_add(w - v, u, v); };
  size_t i = 0;
  for (; i + 16 <= n; i += 16) of(V::load(a + i), V::load(b + i), V::load(t + i)).store(y + i);
  if (i < n) store_n(y + i, of(load_n(a + i, n - i), load_n(b + i, n - i), load_n(t + i, n - i)), n - i);
}
void scale(float* y, const float* x, float factor, size_t n) {
  map1(y, x, n, [&](V v) { return v * V(factor); });
}
void divide(float* y, const float* x, float divisor, size_t n) {
  map1(y, x, n, [&](V v) { return v / V(divisor); });
}
void add_scaled(float* y, const float* x, float factor, size_t n) {
  map2(y, y, x, n, [&](V v, V w) { return mul_add(w, V(factor), v); });
}
SYN_INLINE V soft_cap_body(V x, V cap) { return cap * tanh_body(x / cap); }
void soft_cap(float* y, const float* x, float cap, size_t n) {
  map1(y, x, n, [&](V v) { return soft_cap_body(v, V(cap)); });
}
