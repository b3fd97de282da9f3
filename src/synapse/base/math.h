// Elementary functions of our own: IEEE basic operations in one written order, so that a value is
// the same on every target. The f32 ones are the same bits as the kernels' vector versions.
// Errors against the true value, in units in the last place of the result:
#pragma once

namespace synapse {

float exp_f32(float x);   // 1.5 ulp. +0 up to -87.33654, +inf from 88.72284: never subnormal
float log_f32(float x);   // 1 ulp. -inf at 0, NaN below
float sin_f32(float x);   // 1 ulp for |x| < 2^31, NaN beyond; reduced and evaluated in f64
float cos_f32(float x);   // the same
float tanh_f32(float x);  // 2 ulp
float erf_f32(float x);   // 2 ulp
float softplus_f32(float x);  // 4 ulp: ln(1 + e^x)
float sqrt_f32(float x);  // correctly rounded

double exp_f64(double x);            // 1 ulp where the result is normal; 0 below -708.39, +inf above 709.78
double log_f64(double x);            // 1 ulp. -inf at 0, NaN below
double pow_f64(double x, double y);  // x > 0 and |y ln x| <= 700: relative error <= 4e-16, else NaN
void sincos_f64(double x, double* sin, double* cos);  // absolute error 2^-52 for |x| < 2^31, NaN beyond

}  // namespace synapse
