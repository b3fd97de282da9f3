// Our elementary functions against libm in long double, and the half conversions against exact arithmetic.
#include "synapse/base/math.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdint>

#include "synapse/base/half.h"
#include "synapse/base/rng.h"

namespace synapse {
namespace {

using Function = float (*)(float);
using Reference = long double (*)(long double);

double ulps(float got, long double want) {
  int exponent;
  std::frexp(float(want), &exponent);
  return double(std::fabs(got - want) / std::ldexp(1.0L, std::max(exponent, -125) - 24));
}

// The largest error over floats spread evenly by bit pattern between lo and hi of both signs where asked.
double worst(Function f, Reference reference, float lo, float hi, bool both_signs) {
  double worst_ulps = 0;
  const uint32_t first = std::bit_cast<uint32_t>(lo), last = std::bit_cast<uint32_t>(hi);
  const uint32_t step = (last - first) / 300000 + 1;
  for (uint32_t u = first; u < last; u += step)
    for (float x : {std::bit_cast<float>(u), -std::bit_cast<float>(u)}) {
      if (x < 0 && !both_signs) continue;
      const double e = ulps(f(x), reference(x));
      if (!(e <= worst_ulps)) worst_ulps = e;
    }
  return worst_ulps;
}

TEST(MathF32, errors_are_within_their_stated_bounds) {
  EXPECT_LE(worst(exp_f32, std::exp, 1e-9f, 87.33f, true), 1.5);
  EXPECT_LE(worst(exp_f32, std::exp, 87.33f, 88.722f, false), 1.5);
  EXPECT_LE(worst(log_f32, std::log, 0x1p-149f, 3.4e38f, false), 1.0);
  EXPECT_LE(worst(log_f32, std::log, 0.5f, 2.0f, false), 1.0);
  EXPECT_LE(worst(sin_f32, std::sin, 1e-9f, 1e7f, true), 1.0);
  EXPECT_LE(worst(cos_f32, std::cos, 1e-9f, 1e7f, true), 1.0);
  EXPECT_LE(worst(sin_f32, std::sin, 1e7f, 0x1.fp30f, true), 1.0);
  EXPECT_LE(worst(tanh_f32, std::tanh, 1e-9f, 20.0f, true), 2.0);
  EXPECT_LE(worst(erf_f32, std::erf, 1e-9f, 8.0f, true), 2.0);
  const Reference softplus = [](long double x) { return std::max(x, 0.0L) + std::log1p(std::exp(-std::fabs(x))); };
  EXPECT_LE(worst(softplus_f32, softplus, 1e-9f, 87.0f, true), 4.0);
  EXPECT_EQ(sqrt_f32(2.0f), std::sqrt(2.0f));
}

TEST(MathF32, edges_are_as_written) {
  const float inf = INFINITY;
  EXPECT_EQ(exp_f32(-87.33654f), 0.0f);
  EXPECT_FALSE(std::signbit(exp_f32(-inf)));
  EXPECT_GE(exp_f32(std::nextafter(-87.33654f, 0.0f)), 0x1p-126f);
  EXPECT_EQ(exp_f32(88.72284f), inf);
  EXPECT_LT(exp_f32(std::nextafter(88.72284f, 0.0f)), inf);
  EXPECT_EQ(exp_f32(inf), inf);
  EXPECT_EQ(exp_f32(0.0f), 1.0f);
  EXPECT_EQ(log_f32(1.0f), 0.0f);
  EXPECT_EQ(log_f32(0.0f), -inf);
  EXPECT_EQ(log_f32(inf), inf);
  EXPECT_TRUE(std::isnan(log_f32(-1.0f)));
  EXPECT_EQ(tanh_f32(inf), 1.0f);
  EXPECT_EQ(tanh_f32(-30.0f), -1.0f);
  EXPECT_EQ(erf_f32(-5.0f), -1.0f);
  EXPECT_EQ(tanh_f32(-0.0f), 0.0f);
  EXPECT_TRUE(std::isnan(sin_f32(0x1p31f)));
  for (Function f : {exp_f32, log_f32, sin_f32, cos_f32, tanh_f32, erf_f32}) EXPECT_TRUE(std::isnan(f(NAN)));
}

TEST(MathF64, errors_are_within_their_stated_bounds) {
  for (uint64_t i = 0; i < 200000; ++i) {
    const double u = random_unit(1, i), x = (u * 2 - 1) * 700;
    EXPECT_LE(std::fabs((exp_f64(x) - std::exp((long double)x)) / std::exp((long double)x)), 0x1.2p-52L) << x;
    const double v = (u + 1e-9) * 3;
    const long double log_v = std::log((long double)v);
    EXPECT_LE(std::fabs(log_f64(v) - log_v), std::fabs(log_v) * 0x1p-52L) << v;
    double s, c;
    sincos_f64(x * 1e4, &s, &c);
    EXPECT_LE(std::fabs(s - std::sin((long double)(x * 1e4))), 0x1p-52L);
    EXPECT_LE(std::fabs(c - std::cos((long double)(x * 1e4))), 0x1p-52L);
  }
}

TEST(MathF64, inverse_frequencies_are_right_to_4e_minus_16) {
  for (double theta : {10000.0, 500000.0, 1e6, 5e6, 1e7})
    for (int dim : {32, 64, 80, 96, 128, 256})
      for (int i = 0; i < dim / 2; ++i) {
        const double y = -2.0 * i / dim;
        const long double want = std::pow((long double)theta, (long double)y);
        EXPECT_LE(std::fabs(pow_f64(theta, y) - want), want * 4e-16L) << theta << " " << y;
      }
  EXPECT_TRUE(std::isnan(pow_f64(-1, 2)));
  EXPECT_TRUE(std::isnan(pow_f64(10, 400)));
}

TEST(Half, every_f16_and_bf16_survives_the_round_trip) {
  for (uint32_t h = 0; h < 65536; ++h) {
    const bool f16_nan = (h & 0x7FFF) > 0x7C00, bf16_nan = (h & 0x7FFF) > 0x7F80;
    const uint16_t f16_back = f32_to_f16(f16_to_f32(uint16_t(h))), bf16_back = f32_to_bf16(bf16_to_f32(uint16_t(h)));
    const uint32_t sign = h & 0x8000;
    EXPECT_EQ(f16_back, f16_nan ? h | 0x200 : (h & 0x7FFF) == 0x7C00 ? sign | 0x7BFF : h);
    EXPECT_EQ(bf16_back, bf16_nan ? h | 0x40 : (h & 0x7FFF) == 0x7F80 ? sign | 0x7F7F : h);
  }
  EXPECT_EQ(f16_to_f32(0x0001), 0x1p-24f);
  EXPECT_EQ(f16_to_f32(0x7BFF), 65504.0f);
  EXPECT_EQ(f16_to_f32(0x3555), 0.333251953125f);
  EXPECT_EQ(bf16_to_f32(0x3FC0), 1.5f);
}

TEST(Half, narrowing_rounds_half_to_even_and_saturates) {
  for (uint32_t h = 0; h < 0x7BFF; ++h) {  // midway between neighbours, and a step to either side
    const float a = f16_to_f32(uint16_t(h)), b = f16_to_f32(uint16_t(h + 1)), middle = (a + b) / 2;
    EXPECT_EQ(f32_to_f16(middle), h + (h & 1));
    EXPECT_EQ(f32_to_f16(std::nextafter(middle, 0.0f)), h);
    EXPECT_EQ(f32_to_f16(-std::nextafter(middle, 1e9f)), (h + 1) | 0x8000);
  }
  EXPECT_EQ(f32_to_f16(1e30f), 0x7BFF);
  EXPECT_EQ(f32_to_f16(-INFINITY), 0xFBFF);
  EXPECT_EQ(f32_to_bf16(INFINITY), 0x7F7F);
  EXPECT_EQ(f32_to_bf16(1.00390625f), 0x3F80);  // a tie
  EXPECT_EQ(f32_to_bf16(1.01171875f), 0x3F82);  // a tie
  EXPECT_EQ(f32_to_bf16(std::nextafter(1.00390625f, 2.0f)), 0x3F81);
}

}  // namespace
}  // namespace synapse
