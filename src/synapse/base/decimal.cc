// Decimal text to double without the C library. Short decimals are exact by one IEEE operation (Clinger
// 1990); others go through a 64-bit mantissa scaled by powers 10^(2^i), each step off by at most 2^-63
// relative, ten steps at most: within 0.51 ulp.
#include <bit>

#include "synapse/base/json.h"

namespace synapse {
namespace {

// m * 2^e with the top bit of m set, or m == 0.
struct Wide {
  uint64_t m;
  int32_t e;
};

constexpr Wide normalised(uint64_t m, int32_t e) {
  const int shift = m ? std::countl_zero(m) : 0;
  return {m << shift, e - shift};
}

// The upper 64 bits of the product, rounded to nearest.
constexpr Wide multiply(Wide a, Wide b) {
  const uint64_t al = uint32_t(a.m), ah = a.m >> 32, bl = uint32_t(b.m), bh = b.m >> 32;
  const uint64_t mid = ah * bl + (al * bl >> 32), mid2 = al * bh + uint32_t(mid);
  const uint64_t high = ah * bh + (mid >> 32) + (mid2 >> 32), low = mid2 << 32 | uint32_t(al * bl);
  if (high >> 63) return {high == UINT64_MAX ? high : high + (low >> 63), a.e + b.e + 64};
  return normalised((high << 1 | low >> 63), a.e + b.e + 63);
}

// a / b by long division, 64 bits of quotient. Both normalised.
constexpr Wide divide(Wide a, Wide b) {
  uint64_t quotient = 0, rest = a.m;
  int32_t e = a.e - b.e - 63;
  bool carry = false;
  if (rest < b.m) carry = rest >> 63, rest <<= 1, --e;
  for (int i = 0; i < 64; ++i) {
    const bool fits = carry || rest >= b.m;
    if (fits) rest -= b.m;
    quotient = quotient << 1 | uint64_t(fits);
    carry = rest >> 63, rest <<= 1;
  }
  return {quotient, e};
}

// 10^(2^i); up to 10^16 exact.
struct Powers {
  Wide of[9];
  constexpr Powers() : of() {
    of[0] = normalised(10, 0);
    for (int i = 1; i < 9; ++i) of[i] = multiply(of[i - 1], of[i - 1]);
  }
};
constexpr Powers kPowers;

constexpr double kExact[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                             1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

// Round half to even, denormals included; nullopt beyond the largest double.
std::optional<double> to_double(Wide w) {
  int32_t exponent = w.e + 63;  // of the top bit
  if (exponent < -1076) return 0.0;
  const int32_t drop = exponent >= -1022 ? 11 : 11 + (-1022 - exponent);
  if (drop >= 65) return 0.0;
  const uint64_t kept = drop == 64 ? 0 : w.m >> drop;
  const uint64_t half = uint64_t(1) << (drop - 1), rest = drop == 64 ? w.m : w.m & (half * 2 - 1);
  uint64_t m = kept + uint64_t(rest > half || (rest == half && (kept & 1)));
  if (exponent < -1022) return std::bit_cast<double>(m);  // a carry into the exponent field is right
  if (m >> 53) m >>= 1, ++exponent;
  if (exponent > 1023) return std::nullopt;
  return std::bit_cast<double>(uint64_t(exponent + 1023) << 52 | (m & ((uint64_t(1) << 52) - 1)));
}

std::optional<double> magnitude(uint64_t digits, int64_t exponent, bool inexact) {
  if (digits == 0) return 0.0;
  if (!inexact && digits <= uint64_t(1) << 53 && exponent >= -22 && exponent <= 22)
    return exponent < 0 ? double(digits) / kExact[-exponent] : double(digits) * kExact[exponent];
  if (exponent > 330) return std::nullopt;
  if (exponent < -400) return 0.0;
  Wide w = normalised(digits, 0);
  const int64_t size = exponent < 0 ? -exponent : exponent;
  Wide power = normalised(1, 0);
  for (int i = 0; i < 9; ++i)
    if (size >> i & 1) power = multiply(power, kPowers.of[i]);
  return to_double(exponent < 0 ? divide(w, power) : multiply(w, power));
}

}  // namespace

std::optional<double> parse_decimal(std::string_view number) {
  size_t i = 0;
  const bool negative = i < number.size() && number[i] == '-';
  i += negative;
  uint64_t digits = 0;
  int64_t exponent = 0;
  bool after_point = false, inexact = false;
  for (; i < number.size() && (number[i] | 32) != 'e'; ++i) {
    if (number[i] == '.') {
      after_point = true;
      continue;
    }
    if (number[i] < '0' || number[i] > '9') return std::nullopt;
    const uint64_t digit = uint64_t(number[i] - '0');
    if (digits <= (UINT64_MAX - 9) / 10) {
      digits = digits * 10 + digit, exponent -= after_point;
    } else {
      inexact |= digit != 0, exponent += !after_point;
    }
  }
  if (i < number.size()) {
    const bool down = ++i < number.size() && number[i] == '-';
    if (i < number.size() && (number[i] == '-' || number[i] == '+')) ++i;
    int64_t e = 0;
    for (; i < number.size(); ++i) {
      if (number[i] < '0' || number[i] > '9') return std::nullopt;
      if (e < 1000000000) e = e * 10 + (number[i] - '0');
    }
    exponent += down ? -e : e;
  }
  const std::optional<double> x = magnitude(digits, exponent, inexact);
  return x && negative ? -*x : x;
}

}  // namespace synapse
