#include "synapse/base/text.h"

#include <cstring>

namespace synapse {

void TextBuffer::append(std::string_view text) {
  const size_t room = capacity_ - size_;
  const size_t n = text.size() < room ? text.size() : room;
  if (n) std::memcpy(data_ + size_, text.data(), n);
  size_ += n;
  if (n < text.size() && capacity_ >= 3) std::memcpy(data_ + capacity_ - 3, "...", 3);
}

void TextBuffer::append_unsigned(uint64_t value) {
  char digits[20];
  size_t at = sizeof digits;
  do digits[--at] = char('0' + value % 10);
  while (value /= 10);
  append(std::string_view(digits + at, sizeof digits - at));
}

void TextBuffer::append_signed(int64_t value) {
  if (value < 0) append('-');
  append_unsigned(value < 0 ? 0 - uint64_t(value) : uint64_t(value));
}

void TextBuffer::append(double value) {
  if (value != value) return append("nan");
  if (value < 0) append('-'), value = -value;
  if (value > 1.7976931348623157e308) return append("inf");
  int exponent = 0;
  if (value != 0) {
    while (value >= 1e9) value /= 10, ++exponent;
    while (value < 1e8) value *= 10, --exponent;
  }
  uint64_t digits = uint64_t(value + 0.5);
  if (digits == 1000000000) digits = 100000000, ++exponent;
  int n_digits = 9;
  while (n_digits > 1 && digits % 10 == 0) digits /= 10, ++exponent, --n_digits;
  if (digits == 0) exponent = 0;

  char text[24];
  for (int i = n_digits - 1; i >= 0; --i, digits /= 10) text[i] = char('0' + digits % 10);
  const int point = n_digits + exponent;  // digits before the decimal point
  if (point > 0 && point <= 9) {
    append(std::string_view(text, size_t(n_digits < point ? n_digits : point)));
    for (int i = n_digits; i < point; ++i) append('0');
    if (n_digits > point) append('.'), append(std::string_view(text + point, size_t(n_digits - point)));
  } else if (point <= 0 && point > -5) {
    append("0.");
    for (int i = point; i < 0; ++i) append('0');
    append(std::string_view(text, size_t(n_digits)));
  } else {
    append(text[0]);
    if (n_digits > 1) append('.'), append(std::string_view(text + 1, size_t(n_digits - 1)));
    append('e'), append_signed(point - 1);
  }
}

void TextBuffer::append(Dims dims) {
  append('(');
  for (size_t i = 0; i < dims.size; ++i) {
    if (i) append(", ");
    append_signed(dims.data[i]);
  }
  append(')');
}

}  // namespace synapse
