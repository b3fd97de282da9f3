#include "synapse/base/math.h"

#include <cstdint>

#include "synapse/base/compiler.h"

namespace synapse {
namespace {

using F = float;
using I = int32_t;
SYN_INLINE I as_int(F x) { return __builtin_bit_cast(I, x); }
SYN_INLINE F as_float(I x) { return __builtin_bit_cast(F, x); }
SYN_INLINE F to_float(I x) { return F(x); }
SYN_INLINE F select(bool condition, F a, F b) { return condition ? a : b; }

#include "synapse/base/math.inl"

// An unevaluated sum hi + lo, |lo| <= ulp(hi) / 2 (Dekker 1971).
struct Pair {
  double hi, lo;
};

Pair two_sum(double a, double b) {
  const double s = a + b, t = s - a;
  return {s, (a - (s - t)) + (b - t)};
}

Pair two_product(double a, double b) {
  const double p = a * b, split = 134217729.0;  // 2^27 + 1
  const double a1 = a * split - (a * split - a), a2 = a - a1;
  const double b1 = b * split - (b * split - b), b2 = b - b1;
  return {p, ((a1 * b1 - p) + a1 * b2 + a2 * b1) + a2 * b2};
}

// ln x of a positive finite x: x = 2^k m, s = (m - 1) / (m + 1), ln m = 2 s + 2 s^3 / 3 + ... with the
// first term in a pair. Absolute error about 2^-60 |ln x| + 2^-58 |s|.
Pair log_pair(double x) {
  int64_t k = 0;
  if (x < 0x1p-1022) x *= 0x1p54, k = -54;
  const int64_t offset = __builtin_bit_cast(int64_t, x) - 0x3FE6A09E667F3BCD;  // sqrt(1/2)
  k += offset >> 52;
  const double m = __builtin_bit_cast(double, (offset & 0xFFFFFFFFFFFFF) + 0x3FE6A09E667F3BCD);
  const double f = m - 1.0;  // exact
  const Pair d = two_sum(2.0, f);
  const double s = f / d.hi;
  const Pair back = two_product(s, d.hi);
  const double s_lo = (((f - back.hi) - back.lo) - s * d.lo) / d.hi;
  const double z = s * s;
  double p = 2.0 / 23.0;
  for (int n = 21; n >= 3; n -= 2) p = p * z + 2.0 / n;
  const Pair head = two_sum(double(k) * 0x1.62e42fee00000p-1, 2.0 * s);  // the product is exact
  const double tail = head.lo + (2.0 * s_lo + (s * (z * p) + double(k) * 0x1.a39ef35793c76p-33));
  return two_sum(head.hi, tail);
}

double scale_by_power(double x, int64_t k) {  // x * 2^k, |k| <= 1100, in two exact halves
  const int64_t half = k >> 1;
  x *= __builtin_bit_cast(double, (half + 1023) << 52);
  return x * __builtin_bit_cast(double, (k - half + 1023) << 52);
}

// e^(hi + lo) for |hi| <= 709.8.
double exp_pair(Pair x) {
  const double shifted = x.hi * 0x1.71547652b82fep+0 + 6755399441055744.0;
  const double n = shifted - 6755399441055744.0;
  const double r = (x.hi - n * 0x1.62e42fee00000p-1) + (x.lo - n * 0x1.a39ef35793c76p-33);
  double p = 1.0 / 6227020800.0, factorial = 6227020800.0;
  for (int i = 13; i >= 3; --i) factorial /= i, p = p * r + 1.0 / factorial;
  const double m = 1.0 + (r + (r * r) * p);
  return scale_by_power(m, __builtin_bit_cast(int64_t, shifted) - __builtin_bit_cast(int64_t, 6755399441055744.0));
}

constexpr double kInf = __builtin_huge_val();

}  // namespace

float exp_f32(float x) { return exp_body(x); }
float log_f32(float x) { return log_body(x); }
float sin_f32(float x) { return float(sincos_body(x).sin); }
float cos_f32(float x) { return float(sincos_body(x).cos); }
float tanh_f32(float x) { return tanh_body(x); }
float erf_f32(float x) { return erf_body(x); }
float softplus_f32(float x) { return softplus_body(x); }
float sqrt_f32(float x) { return __builtin_sqrtf(x); }

double exp_f64(double x) {
  if (x != x) return x;
  if (x < -708.39) return 0;
  if (x > 709.78) return kInf;
  return exp_pair({x, 0});
}

double log_f64(double x) {
  if (x != x || x == kInf) return x;
  if (x == 0) return -kInf;
  return x < 0 ? __builtin_nan("") : log_pair(x).hi;
}

double pow_f64(double x, double y) {
  if (!(x > 0 && x < kInf) || !(y > -0x1p60 && y < 0x1p60)) return __builtin_nan("");
  const Pair l = log_pair(x);
  const Pair product = two_product(l.hi, y);
  const double lo = product.lo + l.lo * y;
  return product.hi >= -700 && product.hi <= 700 ? exp_pair(two_sum(product.hi, lo)) : __builtin_nan("");
}

void sincos_f64(double x, double* sin, double* cos) {
  const SinCos y = sincos_body(x);
  *sin = y.sin, *cos = y.cos;
}

}  // namespace synapse
