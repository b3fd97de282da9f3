// What tokenisation asks of Unicode: UTF-8 that may be broken, kinds of characters and their lower case. The tables
// are of one version: runtime/unicode_tables.h. Normal forms: runtime/normal_form.h.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace synapse {

// General categories, as far as tokenisers tell them apart.
enum class CharKind : uint8_t {
  other,        // unassigned, surrogates, invalid bytes
  upper,        // Lu Lt
  lower,        // Ll
  modifier,     // Lm
  letter,       // Lo
  number,       // N
  space,        // White_Space, whatever the category
  nonspacing,   // Mn
  mark,         // Mc Me
  punctuation,  // P
  symbol,       // S
  control,      // Cc Cf Co
};

// \p{L}, \p{N}, White_Space, \p{M}, everything else. No code point is in two.
enum class CharClass : uint8_t { other, letter, number, space, mark };

constexpr CharClass class_of(CharKind kind) {
  using enum CharClass;
  constexpr CharClass kClasses[] = {other, letter, letter, letter, letter, number, space, mark, mark, other, other, other};
  return kClasses[size_t(kind)];
}

// A code point, or kInvalidByte + b for a byte b that is not part of valid UTF-8 (one byte, class other).
struct CodePoint {
  uint32_t value;
  uint32_t bytes;
};
inline constexpr uint32_t kInvalidByte = 0x110000;

// Of two or more bytes, or invalid. REQUIRES at < text.size().
CodePoint decode_multibyte(std::string_view text, size_t at);

// The code point at `at`. REQUIRES at < text.size().
inline CodePoint decode_utf8(std::string_view text, size_t at) {
  const auto first = uint8_t(text[at]);
  return first < 0x80 ? CodePoint{first, 1} : decode_multibyte(text, at);
}

// Writes at most 4 bytes, an invalid byte as itself; returns how many.
size_t encode_utf8(uint32_t code_point, char* out);

CharKind char_kind(uint32_t code_point);
inline CharClass char_class(uint32_t code_point) { return class_of(char_kind(code_point)); }

// The small letter of a capital, else the code point itself. U+0130 is the one whose lower case is two characters
// ("i" and U+0307): it comes back unchanged.
uint32_t to_lower(uint32_t code_point);

}  // namespace synapse
