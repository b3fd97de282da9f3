#include "synapse/runtime/jinja/text.h"

#include <algorithm>

#include "synapse/runtime/unicode.h"

namespace synapse::jinja {
namespace {

bool contains(std::string_view set, std::string_view point) { return set.find(point) != set.npos; }

bool is_space_text(std::string_view point) { return is_space(decode_utf8(point, 0).value); }

template <typename Wanted>
std::string_view strip_left_if(std::string_view text, Wanted wanted) {
  while (!text.empty()) {
    const size_t n = decode_utf8(text, 0).bytes;
    if (!wanted(text.substr(0, n))) break;
    text.remove_prefix(n);
  }
  return text;
}

template <typename Wanted>
std::string_view strip_right_if(std::string_view text, Wanted wanted) {
  while (!text.empty()) {
    const size_t n = last_point_bytes(text);
    if (!wanted(text.substr(text.size() - n))) break;
    text.remove_suffix(n);
  }
  return text;
}

}  // namespace

bool is_space(uint32_t c) {
  if (c < 0x80) return (c >= 9 && c <= 13) || (c >= 28 && c <= 32);
  return c == 0x85 || c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 ||
         c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

bool is_line_end(uint32_t c) {
  return (c >= 10 && c <= 13) || (c >= 28 && c <= 30) || c == 0x85 || c == 0x2028 || c == 0x2029;
}

std::string_view strip_left(std::string_view text) { return strip_left_if(text, is_space_text); }
std::string_view strip_right(std::string_view text) { return strip_right_if(text, is_space_text); }

std::string_view strip_left(std::string_view text, std::string_view set) {
  return strip_left_if(text, [set](std::string_view point) { return contains(set, point); });
}

std::string_view strip_right(std::string_view text, std::string_view set) {
  return strip_right_if(text, [set](std::string_view point) { return contains(set, point); });
}

size_t count_points(std::string_view text) {
  size_t n = 0;
  for (size_t at = 0; at < text.size(); ++n) at += decode_utf8(text, at).bytes;
  return n;
}

size_t point_at(std::string_view text, size_t i) {
  size_t at = 0;
  while (i > 0 && at < text.size()) at += decode_utf8(text, at).bytes, --i;
  return at;
}

size_t last_point_bytes(std::string_view text) {
  for (size_t n = std::min<size_t>(4, text.size()); n > 1; --n)
    if (decode_utf8(text, text.size() - n).bytes == n) return n;
  return 1;
}

uint32_t to_upper(uint32_t c) {
  if (c < 0x80) return c >= 'a' && c <= 'z' ? c - 32 : c;
  if (c >= 0xE0 && c <= 0xFE && c != 0xF7) return c - 32;
  if (c == 0xFF) return 0x178;
  if (c == 0xB5) return 0x39C;
  if (c >= 0x100 && c <= 0x17F) {
    if (c == 0x131) return 'I';
    if (c == 0x17F) return 'S';
    if (c == 0x138 || c == 0x149 || c == 0x130 || c == 0x178) return c;
    const bool odd_is_lower = c < 0x139 || (c > 0x148 && c < 0x179);
    return bool(c & 1) == odd_is_lower ? c - 1 : c;
  }
  if (c >= 0x3B1 && c <= 0x3C9) return c == 0x3C2 ? 0x3A3 : c - 32;
  if (c == 0x3AC) return 0x386;
  if (c >= 0x3AD && c <= 0x3AF) return c - 37;
  if (c == 0x3CC) return 0x38C;
  if (c == 0x3CD || c == 0x3CE) return c - 63;
  if (c >= 0x430 && c <= 0x44F) return c - 32;
  if (c >= 0x450 && c <= 0x45F) return c - 80;
  if ((c >= 0x460 && c <= 0x481) || (c >= 0x48A && c <= 0x4BF) || (c >= 0x4D0 && c <= 0x52F)) return c & ~1u;
  return c;
}

uint32_t to_lower(uint32_t c) {
  if (c < 0x80) return c >= 'A' && c <= 'Z' ? c + 32 : c;
  if (c >= 0xC0 && c <= 0xDE && c != 0xD7) return c + 32;
  if (c >= 0x100 && c <= 0x17F) {
    if (c == 0x178) return 0xFF;
    if (c == 0x130 || c == 0x138 || c == 0x149 || c == 0x17F) return c;
    const bool even_is_upper = c < 0x139 || (c > 0x148 && c < 0x179);
    return bool(c & 1) != even_is_upper ? c + 1 : c;
  }
  if (c >= 0x391 && c <= 0x3A9 && c != 0x3A2) return c + 32;
  if (c == 0x386) return 0x3AC;
  if (c >= 0x388 && c <= 0x38A) return c + 37;
  if (c == 0x38C) return 0x3CC;
  if (c == 0x38E || c == 0x38F) return c + 63;
  if (c >= 0x410 && c <= 0x42F) return c + 32;
  if (c >= 0x400 && c <= 0x40F) return c + 80;
  if ((c >= 0x460 && c <= 0x481) || (c >= 0x48A && c <= 0x4BF) || (c >= 0x4D0 && c <= 0x52F)) return c | 1;
  return c;
}

}  // namespace synapse::jinja
