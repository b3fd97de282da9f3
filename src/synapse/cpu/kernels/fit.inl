// The searches. Sums are of 16 lanes in the order of docs/numerics.md, so that a result does not depend on the target.

// Up to N * 16 elements that share a scale, and the weights of their errors.
template <int N>
struct Group {
  V x[N], w[N];
};

template <int N, typename F>
SYN_INLINE double total(F&& term) {
  V s = term(0);
  for (int i = 1; i < N; ++i) s = s + term(i);
  return double(sum(s));
}

template <int N>
SYN_INLINE float extreme_of(const Group<N>& p) {
  float x[16 * N];
  for (int i = 0; i < N; ++i) p.x[i].store(x + 16 * i);
  return first_extreme(x, 16 * N);
}

SYN_INLINE V clamp(V v, float least, float most) {
  const V below = select(v > V(most), V(most), v);
  return select(below < V(least), V(least), below);
}

// Whole numbers kLeast .. kMost.
template <int kLeast, int kMost>
struct Uniform {
  static SYN_INLINE V nearest(V v) { return to_float(round_to_int(clamp(v, kLeast, kMost))); }
  static uint8_t code(float q) { return uint8_t(int32_t(q) - kLeast); }
  // f(t) for what the extreme element may become, in steps.
  template <typename F>
  static void each_target(F&& f) {
    for (int i = -10; i <= 10; ++i) f(float(kLeast) + 0.1f * float(i));
    for (int i = -5; i <= 10; ++i) f(float(kMost) + 0.1f * float(i));
  }
};

// -3, -1, 1, 3.
struct FourLevels {
  static SYN_INLINE V nearest(V v) {
    const V half = to_float(round_to_int(clamp((v - V(1.0f)) * V(0.5f), -2, 1)));
    return half + half + V(1.0f);
  }
  static uint8_t code(float q) { return uint8_t((int32_t(q) + 3) / 2 & 3); }
  template <typename F>
  static void each_target(F&& f) {
    for (int i = 0; i <= 32; ++i) f(2.0f + 0.2f * float(i)), f(-2.0f - 0.2f * float(i));
  }
};

// kIq4Values.
struct Iq4Levels {
  static SYN_INLINE V nearest(V v) {
    V q = V(float(kIq4Values[0]));
    for (int k = 1; k < 16; ++k) {
      const float low = kIq4Values[k - 1], high = kIq4Values[k];
      q = select(v > V((low + high) * 0.5f), V(high), q);
    }
    return q;
  }
  static uint8_t code(float q) {
    uint8_t k = 0;
    while (k < 15 && float(kIq4Values[k]) < q) ++k;
    return k;
  }
  template <typename F>
  static void each_target(F&& f) {
    for (int i = -9; i <= 9; ++i) f(float(kIq4Values[0]) + 2.0f * float(i)), f(float(kIq4Values[15]) + 2.0f * float(i));
  }
};

// Sum of weight * (x - scale * q)^2 for the best q.
template <typename Levels, int N>
SYN_INLINE double scale_error(const Group<N>& p, float scale) {
  const V inverse(inverse_of(scale)), s(scale);
  return total<N>([&](int i) {
    const V e = p.x[i] - s * Levels::nearest(p.x[i] * inverse);
    return p.w[i] * (e * e);
  });
}

// x ~ scale * q.
template <typename Levels, int N>
float fit_scale(const Group<N>& p) {
  const float extreme = extreme_of(p);
  if (extreme == 0) return 0;
  float best = 0;
  double most = 0;
  const auto attempt = [&](float inverse) {
    V q[N];
    for (int i = 0; i < N; ++i) q[i] = Levels::nearest(p.x[i] * V(inverse));
    const double qx = total<N>([&](int i) { return p.w[i] * (q[i] * p.x[i]); });
    const double qq = total<N>([&](int i) { return p.w[i] * (q[i] * q[i]); });
    const bool better = qq > 0 && qx * qx > most * qq;  // the error that is left is sum w x^2 - qx^2 / qq
    if (better) most = qx * qx / qq, best = float(qx / qq);
    return better;
  };
  Levels::each_target([&](float target) { attempt(target / extreme); });
  for (int i = 0; i < 4 && best != 0 && attempt(1.0f / best); ++i) {}
  return best;
}

struct Affine {
  float scale, offset;  // x ~ scale * q + offset
};

template <int kMost, int N>
SYN_INLINE V affine_level(V x, V inverse, V offset) {
  return to_float(round_to_int(clamp((x - offset) * inverse, 0, kMost)));
}

template <int kMost, int N>
SYN_INLINE double affine_error(const Group<N>& p, Affine a) {
  const V inverse(inverse_of(a.scale)), scale(a.scale), offset(a.offset);
  return total<N>([&](int i) {
    const V e = p.x[i] - (scale * affine_level<kMost, N>(p.x[i], inverse, offset) + offset);
    return p.w[i] * (e * e);
  });
}

// q of 0 .. kMost; kNegative: the offset is at most 0.
template <int kMost, bool kNegative, int N>
Affine fit_affine(const Group<N>& p) {
  float x[16 * N];
  for (int i = 0; i < N; ++i) p.x[i].store(x + 16 * i);
  Range r = range_of(x, 16 * N);
  if (kNegative && r.least > 0) r.least = 0;
  if (!(r.most > r.least)) return {0, r.least};
  const double w = total<N>([&](int i) { return p.w[i]; });
  const double wx = total<N>([&](int i) { return p.w[i] * p.x[i]; });
  const double wxx = total<N>([&](int i) { return p.w[i] * (p.x[i] * p.x[i]); });
  Affine best = {(r.most - r.least) / float(kMost), r.least};
  double least = affine_error<kMost>(p, best);
  const auto attempt = [&](float inverse, float from) {
    V q[N];
    for (int i = 0; i < N; ++i) q[i] = affine_level<kMost, N>(p.x[i], V(inverse), V(from));
    const double wq = total<N>([&](int i) { return p.w[i] * q[i]; });
    const double wqq = total<N>([&](int i) { return p.w[i] * (q[i] * q[i]); });
    const double wqx = total<N>([&](int i) { return p.w[i] * (q[i] * p.x[i]); });
    const double det = w * wqq - wq * wq;
    if (!(det > 0)) return false;
    double scale = (w * wqx - wq * wx) / det, offset = (wqq * wx - wq * wqx) / det;
    if (kNegative && offset > 0) scale = wqx / wqq, offset = 0;
    const double error = wxx - 2 * (scale * wqx + offset * wx) + scale * scale * wqq + 2 * scale * offset * wq + offset * offset * w;
    const bool better = scale > 0 && error < least;
    if (better) least = error, best = {float(scale), float(offset)};
    return better;
  };
  constexpr int kSteps = kMost < 8 ? 15 : 10;  // few levels gain by leaving out the ends
  for (int i = -kSteps; i <= 10; ++i) attempt((float(kMost) + 0.1f * float(i)) / (r.most - r.least), r.least);
  for (int i = 0; i < 4 && attempt(1.0f / best.scale, best.offset); ++i) {}
  return best;
}
