#include "synapse/runtime/unicode.h"

#include <algorithm>

#include "synapse/runtime/unicode_tables.h"

namespace synapse {

using namespace unicode_tables;

CodePoint decode_multibyte(std::string_view text, size_t at) {
  const auto first = uint8_t(text[at]);
  const CodePoint invalid = {kInvalidByte + first, 1};
  const uint32_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || text.size() - at < length) return invalid;
  uint32_t value = first & (0xFFu >> (length + 1));
  for (uint32_t i = 1; i < length; ++i) {
    const auto next = uint8_t(text[at + i]);
    if ((next & 0xC0) != 0x80) return invalid;
    value = value << 6 | (next & 0x3F);
  }
  const bool overlong = (length == 3 && value < 0x800) || (length == 4 && value < 0x10000);
  const bool surrogate = value >= 0xD800 && value < 0xE000;
  return overlong || surrogate || value > 0x10FFFF ? invalid : CodePoint{value, length};
}

size_t encode_utf8(uint32_t c, char* out) {
  if (c >= kInvalidByte) return out[0] = char(c - kInvalidByte), 1;
  if (c < 0x80) return out[0] = char(c), 1;
  const uint32_t length = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
  for (uint32_t i = length - 1; i > 0; --i, c >>= 6) out[i] = char(0x80 | (c & 0x3F));
  out[0] = char((0xF00u >> length) | c);
  return length;
}

CharKind char_kind(uint32_t c) {
  if (c < kKindLimit) {
    const uint32_t in_block = c % kKindBlock;
    const uint8_t pair = kKindNibbles[(kKindIndex[c / kKindBlock] * kKindBlock + in_block) / 2];
    return CharKind(in_block % 2 ? pair >> 4 : pair & 15);
  }
  if (c >= 0xE0100 && c < 0xE01F0) return CharKind::nonspacing;  // variation selectors
  const bool tag = c == 0xE0001 || (c >= 0xE0020 && c < 0xE0080);
  const bool private_use = c >= 0xF0000 && c < kInvalidByte && (c & 0xFFFF) < 0xFFFE;
  return tag || private_use ? CharKind::control : CharKind::other;
}

uint32_t to_lower(uint32_t c) {
  if (c < 0x80) return c >= 'A' && c <= 'Z' ? c + 32 : c;
  const LowerRange* after = std::upper_bound(std::begin(kLower), std::end(kLower), c,
                                             [](uint32_t value, const LowerRange& r) { return value < r.first; });
  const LowerRange& r = after[-1];  // the first begins at 'A'
  const uint32_t away = c - r.first;
  return away < r.count * uint32_t(r.stride) && away % r.stride == 0 ? uint32_t(int32_t(c) + r.offset) : c;
}

}  // namespace synapse
