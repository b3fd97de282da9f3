// The elementary functions that kernels vectorise, written once over a float type F and its integers
// I: float and int32_t in math.cc, 16 lanes in the kernels. IEEE basic operations in this order only,
// so every lane of every target has the same bits. Included inside an unnamed namespace; includes nothing.
//
//   as_int(F) as_float(I)   bits      select(condition, a, b)   lane by lane      F(float) I(int32_t)
//
// Polynomials are near-minimax fits on the stated interval, rounded to f32.

SYN_INLINE F abs_body(F x) { return as_float(as_int(x) & I(0x7FFFFFFF)); }
SYN_INLINE F copy_sign_body(F magnitude, F sign) {
  return as_float(as_int(magnitude) | (as_int(sign) & I(INT32_MIN)));
}

// e^x. x = n ln 2 + r, |r| <= 0.3466; 2^n is applied in two exact halves. |error| <= 1.5 ulp.
SYN_INLINE F exp_body(F x) {
  F c = select(x > F(-88.0f), x, F(-88.0f));
  c = select(c < F(89.0f), c, F(89.0f));
  const F shifted = c * F(1.44269504f) + F(12582912.0f);  // 1.5 * 2^23: rounds to an integer
  const F n = shifted - F(12582912.0f);
  const F r = (c - n * F(0.693359375f)) - n * F(-2.12194440e-4f);
  F p = F(0x1.a12652p-13f);
  p = p * r + F(0x1.6d44b2p-10f);
  p = p * r + F(0x1.1110e0p-7f);
  p = p * r + F(0x1.5554e8p-5f);
  p = p * r + F(0x1.555556p-3f);
  p = p * r + F(0.5f);
  const F m = ((r * r) * p + r) + F(1.0f);
  const I k = as_int(shifted) - I(0x4B400000), half = k >> 1;
  F y = (m * as_float((half + I(127)) << 23)) * as_float(((k - half) + I(127)) << 23);
  y = select(x > F(-87.33654f), y, F(0.0f));
  y = select(x < F(88.72284f), y, as_float(I(0x7F800000)));
  return select(x == x, y, x);
}

// ln x. x = 2^k m, m in [sqrt(1/2), sqrt 2), s = (m - 1) / (m + 1). |error| <= 1 ulp.
// ln 0 = -inf, ln of a negative number is NaN.
SYN_INLINE F log_body(F x) {
  const F min_normal = F(0x1p-126f);
  F c = select(x > F(0.0f), x, F(1.0f));
  const F scaled = select(c < min_normal, c * F(0x1p23f), c);
  const I offset = as_int(scaled) - I(0x3F3504F3);
  const F k = to_float(offset >> 23) - select(c < min_normal, F(23.0f), F(0.0f));
  const F f = as_float((offset & I(0x7FFFFF)) + I(0x3F3504F3)) - F(1.0f);
  const F s = f / (F(2.0f) + f), z = s * s;
  F p = F(0x1.ddd172p-3f);
  p = p * z + F(0x1.245c38p-2f);
  p = p * z + F(0x1.9999ecp-2f);
  p = p * z + F(0x1.555556p-1f);
  const F h = (F(0.5f) * f) * f;
  F y = k * F(0.693359375f) - ((h - (s * (h + z * p) + k * F(-2.12194440e-4f))) - f);
  const F inf = as_float(I(0x7F800000));
  y = select(x < inf, y, x);
  y = select(x > F(0.0f), y, as_float(I(0x7FC00000)));
  y = select(x == F(0.0f), F(0.0f) - inf, y);
  return select(x == x, y, x);
}

// |error| <= 2 ulp.
SYN_INLINE F tanh_body(F x) {
  const F a = abs_body(x), z = x * x;
  F p = F(0x1.2c83c0p-9f);
  p = p * z + F(-0x1.116a16p-7f);
  p = p * z + F(0x1.64a976p-6f);
  p = p * z + F(-0x1.ba08c4p-5f);
  p = p * z + F(0x1.1110eap-3f);
  p = p * z + F(-0x1.555556p-2f);
  const F small = x + x * (z * p);
  const F large = F(1.0f) - F(2.0f) / (exp_body(a + a) + F(1.0f));
  return select(a < F(0.625f), small, copy_sign_body(large, x));
}

// Below 0.875 a polynomial in x^2, above it 1 - exp(polynomial of |x|). |error| <= 2 ulp.
SYN_INLINE F erf_body(F x) {
  const F z = x * x, magnitude = abs_body(x);
  F p = F(0x1.65bfc0p-14f);
  p = p * z + F(-0x1.acd92ap-11f);
  p = p * z + F(0x1.551070p-8f);
  p = p * z + F(-0x1.b815ccp-6f);
  p = p * z + F(0x1.ce2e5cp-4f);
  p = p * z + F(-0x1.812744p-2f);
  p = p * z + F(0x1.06eba8p-3f);
  const F small = x + x * p;
  const F a = select(magnitude < F(4.0f), magnitude, F(4.0f));
  F q = F(-0x1.2f8146p-25f);
  q = q * a + F(0x1.3fccf0p-19f);
  q = q * a + F(-0x1.bb176ap-15f);
  q = q * a + F(0x1.4af77cp-11f);
  q = q * a + F(-0x1.3f03eap-8f);
  q = q * a + F(0x1.b46a86p-6f);
  q = q * a + F(-0x1.c3fee0p-4f);
  q = q * a + F(-0x1.43640ap-1f);
  q = q * a + F(-0x1.215c56p+0f);
  q = q * a + F(0x1.5d31a2p-12f);
  const F large = F(1.0f) - exp_body(q);
  const F y = select(magnitude < F(0.875f), small, copy_sign_body(large, x));
  return select(x == x, y, x);
}

SYN_INLINE F sigmoid_body(F x) { return F(1.0f) / (F(1.0f) + exp_body(F(0.0f) - x)); }
SYN_INLINE F silu_body(F x) { return x / (F(1.0f) + exp_body(F(0.0f) - x)); }
SYN_INLINE F gelu_body(F x) { return (F(0.5f) * x) * (F(1.0f) + erf_body(x * F(0.70710678f))); }
SYN_INLINE F gelu_tanh_body(F x) {
  const F cubic = F(0.044715f) * ((x * x) * x);
  return (F(0.5f) * x) * (F(1.0f) + tanh_body(F(0.7978845608f) * (x + cubic)));
}
SYN_INLINE F relu_body(F x) { return select(x > F(0.0f), x, F(0.0f)); }

// ln(1 + u) for u >= 0: the logarithm of the rounded sum, corrected by what the rounding lost. |error| <= 3 ulp.
SYN_INLINE F log1p_body(F u) {
  const F w = F(1.0f) + u;
  const F d = select(w == F(1.0f), F(1.0f), w - F(1.0f));
  return select(w == F(1.0f), u, log_body(w) * (u / d));
}
// ln(1 + e^x). |error| <= 4 ulp.
SYN_INLINE F softplus_body(F x) { return relu_body(x) + log1p_body(exp_body(F(0.0f) - abs_body(x))); }

// sin and cos in f64, whatever F is: x = n pi/2 + r with pi/2 in three parts, the first two of 22
// bits so that their products with n are exact, then Taylor to r^17 and r^18. |error| <= 2^-52 for
// |x| < 2^31; NaN beyond. Without branches, so that a loop over it can be vectorised.
struct SinCos {
  double sin, cos;
};
SYN_INLINE SinCos sincos_body(double x) {
  const double shifted = x * 0x1.45f306dc9c883p-1 + 6755399441055744.0;  // 1.5 * 2^52
  const double n = shifted - 6755399441055744.0;
  const double r = ((x - n * 0x1.921fb0p+0) - n * 0x1.5110b0p-22) - n * 0x1.18469898cc517p-44;
  const double z = r * r;
  double s = 1.0 / 355687428096000.0;
  s = s * z - 1.0 / 1307674368000.0;
  s = s * z + 1.0 / 6227020800.0;
  s = s * z - 1.0 / 39916800.0;
  s = s * z + 1.0 / 362880.0;
  s = s * z - 1.0 / 5040.0;
  s = s * z + 1.0 / 120.0;
  s = s * z - 1.0 / 6.0;
  s = r + r * (z * s);
  double c = -1.0 / 6402373705728000.0;
  c = c * z + 1.0 / 20922789888000.0;
  c = c * z - 1.0 / 87178291200.0;
  c = c * z + 1.0 / 479001600.0;
  c = c * z - 1.0 / 3628800.0;
  c = c * z + 1.0 / 40320.0;
  c = c * z - 1.0 / 720.0;
  c = c * z + 1.0 / 24.0;
  c = 1.0 - (0.5 * z - (z * z) * c);
  const int64_t quadrant = __builtin_bit_cast(int64_t, shifted);
  const double ss = quadrant & 1 ? c : s, cc = quadrant & 1 ? s : c;
  const double nan = __builtin_nan("");
  const bool in_range = x < 0x1p31 && x > -0x1p31;
  return {in_range ? (quadrant & 2 ? -ss : ss) : nan, in_range ? ((quadrant + 1) & 2 ? -cc : cc) : nan};
}
