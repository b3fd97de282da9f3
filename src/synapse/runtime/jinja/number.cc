// The digits are made with exact integers (Steele and White 1990): x = r / s, and while digits leave r, the
// distance to the neighbouring doubles says when enough are out.
#include "synapse/runtime/jinja/number.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>

#include "synapse/base/json.h"
#include "synapse/runtime/jinja/text.h"

namespace synapse::jinja {
namespace {

// A natural number below 2^1280.
struct Natural {
  uint32_t words[40] = {};
  int32_t n = 0;  // words in use

  explicit Natural(uint64_t value) {
    for (; value; value >>= 32) words[n++] = uint32_t(value);
  }
  void multiply(uint32_t factor) {
    uint64_t carry = 0;
    for (int32_t i = 0; i < n; ++i)
      carry += uint64_t(words[i]) * factor, words[i] = uint32_t(carry), carry >>= 32;
    if (carry) words[n++] = uint32_t(carry);
  }
  void shift_left(int32_t bits) {
    for (; bits >= 31; bits -= 31) multiply(1u << 31);
    multiply(1u << bits);
  }
  void multiply_power_of_ten(int32_t exponent) {
    for (; exponent >= 9; exponent -= 9) multiply(1000000000);
    for (; exponent > 0; --exponent) multiply(10);
  }
  void subtract(const Natural& other) {  // REQUIRES other <= this
    int64_t borrow = 0;
    for (int32_t i = 0; i < n; ++i) {
      borrow += int64_t(words[i]) - (i < other.n ? other.words[i] : 0);
      words[i] = uint32_t(borrow), borrow >>= 32;
    }
    while (n > 0 && words[n - 1] == 0) --n;
  }
  void add(const Natural& other) {
    uint64_t carry = 0;
    const int32_t most = std::max(n, other.n);
    for (int32_t i = 0; i < most; ++i) {
      carry += uint64_t(i < n ? words[i] : 0) + (i < other.n ? other.words[i] : 0);
      words[i] = uint32_t(carry), carry >>= 32;
    }
    n = most;
    if (carry) words[n++] = uint32_t(carry);
  }
};

int compare(const Natural& a, const Natural& b) {
  if (a.n != b.n) return a.n < b.n ? -1 : 1;
  for (int32_t i = a.n; i-- > 0;)
    if (a.words[i] != b.words[i]) return a.words[i] < b.words[i] ? -1 : 1;
  return 0;
}

int compare_sum(Natural a, const Natural& b, const Natural& c) { return a.add(b), compare(a, c); }

struct Fraction {
  Natural r, s, below, above;  // x = r / s; half the distance to the next double below and above, times s
  bool even;                   // of the mantissa: its halfway points read back as x
};

Fraction split(double x) {  // REQUIRES x > 0 and finite
  const uint64_t bits = std::bit_cast<uint64_t>(x);
  const auto biased = int32_t(bits >> 52);
  uint64_t m = bits & ((uint64_t(1) << 52) - 1);
  const bool uneven = m == 0 && biased > 1;  // the double below is only half as far
  if (biased) m |= uint64_t(1) << 52;
  const int32_t e = (biased ? biased : 1) - 1075;
  Fraction f = {Natural(m), Natural(1), Natural(1), Natural(1), (m & 1) == 0};
  f.r.shift_left(std::max<int32_t>(e, 0) + 1 + uneven);
  f.s.shift_left(std::max<int32_t>(-e, 0) + 1 + uneven);
  f.below.shift_left(std::max<int32_t>(e, 0));
  f.above.shift_left(std::max<int32_t>(e, 0) + uneven);
  return f;
}

// Scales to 0.1 <= x < 1 (x + above where `rounds_up`); returns the power of ten taken out.
int32_t normalise(Fraction& f, bool rounds_up) {
  const int32_t bits = (f.r.n - f.s.n) * 32 + std::countl_zero(f.s.words[f.s.n - 1]) -
                       std::countl_zero(f.r.words[f.r.n - 1]);
  int32_t k =
      int32_t((int64_t(bits) * 30103 - (bits < 0 ? 99999 : 0)) / 100000) - 1;  // not above the power wanted
  if (k > 0) f.s.multiply_power_of_ten(k);
  if (k < 0)
    f.r.multiply_power_of_ten(-k), f.below.multiply_power_of_ten(-k), f.above.multiply_power_of_ten(-k);
  const auto too_large = [&] {
    if (!rounds_up) return compare(f.r, f.s) >= 0;
    const int order = compare_sum(f.r, f.above, f.s);
    return f.even ? order >= 0 : order > 0;
  };
  for (; too_large(); ++k) f.s.multiply(10);
  return k;
}

int next_digit(Fraction& f) {
  f.r.multiply(10);
  int digit = 0;
  for (; compare(f.r, f.s) >= 0; ++digit) f.r.subtract(f.s);
  return digit;
}

size_t write_text(std::string_view text, char* out) {
  return std::memcpy(out, text.data(), text.size()), text.size();
}

// nan, inf and 0 as `zero`; 0 when x is none of them. `x` loses its sign, which is written to `out`.
size_t write_special(double& x, std::string_view zero, char*& out) {
  if (x != x) return write_text("nan", out);
  const bool negative = std::bit_cast<uint64_t>(x) >> 63;
  if (negative) *out++ = '-', x = -x;
  if (x > std::numeric_limits<double>::max()) return write_text("inf", out);
  return x == 0 ? write_text(zero, out) : 0;
}

}  // namespace

size_t write_real(double x, char* out) {
  char* const begin = out;
  if (const size_t n = write_special(x, "0.0", out)) return size_t(out - begin) + n;
  Fraction f = split(x);
  const int32_t point = normalise(f, true);  // x = 0.d1 d2 ... * 10^point
  char digits[20];
  int32_t n = 0;
  for (bool done = false; !done;) {
    f.below.multiply(10), f.above.multiply(10);
    int digit = next_digit(f);
    const int low = compare(f.r, f.below), high = compare_sum(f.r, f.above, f.s);
    const bool may_end = f.even ? low <= 0 : low < 0, may_round_up = f.even ? high >= 0 : high > 0;
    done = may_end || may_round_up;
    if (done && may_round_up && (!may_end || compare_sum(f.r, f.r, f.s) >= 0)) ++digit;
    digits[n++] = char('0' + digit);
  }
  if (point > 16 || point < -3) {
    *out++ = digits[0];
    if (n > 1) *out++ = '.', out += write_text({digits + 1, size_t(n - 1)}, out);
    *out++ = 'e', *out++ = point > 0 ? '+' : '-';
    const int32_t e = point > 0 ? point - 1 : 1 - point;
    if (e >= 100) *out++ = char('0' + e / 100);
    *out++ = char('0' + e / 10 % 10), *out++ = char('0' + e % 10);
    return size_t(out - begin);
  }
  if (point <= 0) {
    out += write_text("0.", out);
    for (int32_t i = point; i < 0; ++i) *out++ = '0';
    return size_t(out - begin) + write_text({digits, size_t(n)}, out);
  }
  for (int32_t i = 0; i < point; ++i) *out++ = i < n ? digits[i] : '0';
  *out++ = '.';
  if (n <= point) return *out++ = '0', size_t(out - begin);
  return size_t(out - begin) + write_text({digits + point, size_t(n - point)}, out);
}

size_t write_fixed(double x, int32_t precision, char* out) {
  char* const begin = out;
  const bool is_zero = x == 0;
  if (const size_t n = write_special(x, "", out); n || x != x || x > std::numeric_limits<double>::max())
    return size_t(out - begin) + n;
  char digits[kRealBytes];
  int32_t point = 1, n = 0;
  if (!is_zero) {
    Fraction f = split(x);
    point = normalise(f, false);
    for (; n < point + precision; ++n) digits[n] = char('0' + next_digit(f));
    if (point + precision >= 0) {  // else less than half a unit in the last place
      const int order = compare_sum(f.r, f.r, f.s);
      bool up = order > 0 || (order == 0 && n > 0 && (digits[n - 1] & 1));
      for (int32_t i = n; up && i-- > 0;) up = digits[i] == '9', digits[i] = up ? '0' : char(digits[i] + 1);
      if (up) std::memmove(digits + 1, digits, size_t(n)), digits[0] = '1', ++n, ++point;
    }
  }
  const auto digit = [&](int32_t i) { return i >= 0 && i < n ? digits[i] : '0'; };
  if (point <= 0) *out++ = '0';
  for (int32_t i = 0; i < point; ++i) *out++ = digit(i);
  if (precision > 0) *out++ = '.';
  for (int32_t i = 0; i < precision; ++i) *out++ = digit(point + i);
  return size_t(out - begin);
}

double floor_real(double x) {
  if (!(x > -4503599627370496.0 && x < 4503599627370496.0)) return x;  // whole, or not a number
  const auto whole = double(int64_t(x));
  return whole > x ? whole - 1 : whole;
}

double remainder_real(double x, double y) {
  const double limit = std::numeric_limits<double>::max();
  if (x != x || y != y || x > limit || x < -limit) return std::numeric_limits<double>::quiet_NaN();
  const double size = y < 0 ? -y : y;
  double rest = x < 0 ? -x : x;
  if (size <= limit && size > 0) {  // long division: every step is exact
    double step = size;
    while (step <= rest / 2) step *= 2;
    for (; step >= size; step /= 2)
      if (rest >= step) rest -= step;
  }
  if (x < 0) rest = -rest;
  return rest != 0 && (rest < 0) != (y < 0) ? rest + y : rest;
}

std::optional<int64_t> parse_whole(std::string_view text, int32_t base) {
  text = strip(text);
  const bool negative = !text.empty() && text[0] == '-';
  if (!text.empty() && (text[0] == '-' || text[0] == '+')) text.remove_prefix(1);
  if (base == 16 && text.size() > 2 && text[0] == '0' && (text[1] | 32) == 'x') text.remove_prefix(2);
  if (base == 8 && text.size() > 2 && text[0] == '0' && (text[1] | 32) == 'o') text.remove_prefix(2);
  if (base == 2 && text.size() > 2 && text[0] == '0' && (text[1] | 32) == 'b') text.remove_prefix(2);
  int64_t value = 0;
  bool after_digit = false;
  for (const char c : text) {
    if (c == '_' && after_digit) {
      after_digit = false;
      continue;
    }
    const int32_t letter = c | 32;
    const int32_t digit = c >= '0' && c <= '9'             ? c - '0'
                          : letter >= 'a' && letter <= 'z' ? letter - 'a' + 10
                                                           : 99;
    if (digit >= base || __builtin_mul_overflow(value, int64_t(base), &value)) return std::nullopt;
    if (__builtin_add_overflow(value, int64_t(negative ? -digit : digit), &value)) return std::nullopt;
    after_digit = true;
  }
  return after_digit ? std::optional(value) : std::nullopt;
}

std::optional<double> parse_real(std::string_view text) {
  text = strip(text);
  const bool negative = !text.empty() && text[0] == '-';
  if (!text.empty() && (text[0] == '-' || text[0] == '+')) text.remove_prefix(1);
  const auto is_word = [text](std::string_view word) {
    if (text.size() != word.size()) return false;
    for (size_t i = 0; i < word.size(); ++i)
      if ((text[i] | 32) != word[i]) return false;
    return true;
  };
  std::optional<double> x;
  if (is_word("inf") || is_word("infinity")) x = std::numeric_limits<double>::infinity();
  if (is_word("nan")) x = std::numeric_limits<double>::quiet_NaN();
  if (!x) {
    char plain[64];
    size_t n = 0, n_digits = 0;
    for (size_t i = 0; i < text.size(); ++i) {
      const char c = text[i];
      const bool is_digit = c >= '0' && c <= '9', after_e = i > 0 && (text[i - 1] | 32) == 'e';
      if (c == '_') {
        if (i == 0 || i + 1 == text.size() || text[i - 1] < '0' || text[i - 1] > '9') return std::nullopt;
        continue;
      }
      const bool is_sign = (c == '-' || c == '+') && after_e;
      const bool is_e =
          (c | 32) == 'e' && n_digits > 0 && std::string_view(plain, n).find('e') == std::string_view::npos;
      const bool is_point =
          c == '.' && std::string_view(plain, n).find_first_of(".e") == std::string_view::npos;
      if (!is_digit && !is_sign && !is_e && !is_point) return std::nullopt;
      if (n == sizeof plain) return std::nullopt;
      n_digits += is_digit, plain[n++] = is_e ? 'e' : c;
    }
    if (n_digits == 0 || plain[n - 1] == 'e' || plain[n - 1] == '-' || plain[n - 1] == '+')
      return std::nullopt;
    x = parse_decimal({plain, n});
    if (!x) x = std::numeric_limits<double>::infinity();  // beyond the largest
  }
  return negative ? -*x : *x;
}

}  // namespace synapse::jinja
