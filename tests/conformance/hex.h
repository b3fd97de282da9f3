// 64 bits as 16 hexadecimal digits.
#pragma once
#include "synapse/base/text.h"

namespace synapse::conformance {

inline Text<16> hex(uint64_t value) {
  char digits[16];
  for (int i = 0; i < 16; ++i) digits[i] = "0123456789abcdef"[value >> (60 - 4 * i) & 15];
  return Text<16>(std::string_view(digits, sizeof digits));
}

}  // namespace synapse::conformance
