// The linear of float weights: lanes are K, sixteen partial sums to an output, R x C outputs at a time. Every
// output is summed in the same order whatever R and C.

template <typename T, bool kFused, int R, int C>
SYN_INLINE void linear_block(float* acc, const float* x, const uint8_t* const* rows, size_t n) {
  V s[R][C];
  for (int r = 0; r < R; ++r)
    for (int c = 0; c < C; ++c) s[r][c] = V(0.0f);
  const auto step = [&](auto load_x, auto load_w) {
    V w[C];
    for (int c = 0; c < C; ++c) w[c] = load_w(rows[c]);
    for (int r = 0; r < R; ++r) {
      const V v = load_x(x + size_t(r) * n);
      for (int c = 0; c < C; ++c) s[r][c] = kFused ? fma(v, w[c], s[r][c]) : mul_add(v, w[c], s[r][c]);
    }
  };
  size_t k = 0;
  for (; k + 16 <= n; k += 16)
    step([&](const float* p) { return V::load(p + k); }, [&](const uint8_t* p) { return T::at(p + k * T::kBytes); });
  if (k < n)
    step([&](const float* p) { return load_n(p + k, n - k); },
         [&](const uint8_t* p) { return part<T>(p + k * T::kBytes, n - k); });
  for (int r = 0; r < R; ++r)
    for (int c = 0; c < C; ++c) acc[r * kTileRows + c] = sum(s[r][c]);
}

template <typename T, bool kFused, int R>
SYN_INLINE void linear_rows(float* acc, const float* x, const uint8_t* const* rows, int32_t n_w, size_t n) {
  int32_t c = 0;
  for (; c + kLinearColumns <= n_w; c += kLinearColumns)
    linear_block<T, kFused, R, kLinearColumns>(acc + c, x, rows + c, n);
  for (; c < n_w; ++c) linear_block<T, kFused, R, 1>(acc + c, x, rows + c, n);
}

template <typename T, bool kFused>
void float_linear(float* acc, const float* x, int32_t n_x, const uint8_t* const rows[kTileRows], int32_t n_w, int32_t n) {
  const size_t row = size_t(n);
  int32_t r = 0;
  for (; r + kLinearRows <= n_x; r += kLinearRows)
    linear_rows<T, kFused, kLinearRows>(acc + r * kTileRows, x + size_t(r) * row, rows, n_w, row);
  for (; r < n_x; ++r) linear_rows<T, kFused, 1>(acc + r * kTileRows, x + size_t(r) * row, rows, n_w, row);
}
