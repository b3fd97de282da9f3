// Rotary embedding of a head.

void rope_angles(float* c, float* s, int32_t position, const float* inv_freq, float factor, size_t n) {
  const float at = float(position);
  for (size_t i = 0; i < n; ++i) {
    const SinCos angle = sincos_body(double(at * inv_freq[i]));
    c[i] = float(angle.cos), s[i] = float(angle.sin);
  }
  if (factor == 1.0f) return;
  for (size_t i = 0; i < n; ++i) c[i] = c[i] * factor, s[i] = s[i] * factor;
}

void rope_half(float* y, const float* x, const float* c, const float* s, size_t n_rot, size_t D) {
  const size_t h = n_rot / 2;
  for (size_t i = 0; i < h; ++i) {
    const float x0 = x[i], x1 = x[i + h];
    y[i] = (x0 * c[i]) - (x1 * s[i]);
    y[i + h] = (x1 * c[i]) + (x0 * s[i]);
  }
  for (size_t i = n_rot; i < D; ++i) y[i] = x[i];
}

void rope_interleaved(float* y, const float* x, const float* c, const float* s, size_t n_rot, size_t D) {
  for (size_t i = 0; i < n_rot / 2; ++i) {
    const float x0 = x[2 * i], x1 = x[2 * i + 1];
    y[2 * i] = (x0 * c[i]) - (x1 * s[i]);
    y[2 * i + 1] = (x1 * c[i]) + (x0 * s[i]);
  }
  for (size_t i = n_rot; i < D; ++i) y[i] = x[i];
}
