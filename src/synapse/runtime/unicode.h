// What tokenisation asks of Unicode: UTF-8 that may be broken, four character classes, and NFC
// (Unicode Standard Annex 15). The tables are of one version: runtime/unicode_tables.h.
#pragma once
#include <cstdint>
#include <string_view>

#include "synapse/base/arena.h"
#include "synapse/base/status.h"

namespace synapse {

// \p{L}, \p{N}, White_Space, \p{M}, everything else. No code point is in two.
enum class CharClass : uint8_t { other, letter, number, space, mark };

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

CharClass char_class(uint32_t code_point);

// NFC of the text, invalid bytes unchanged; a view of `text` when nothing can change, else of the arena, which
// gives nfc_bytes(text.size()) at most while it works and keeps 3 bytes a byte.
Result<std::string_view> to_nfc(std::string_view text, Arena& arena);
constexpr size_t nfc_bytes(size_t text_bytes) { return 16 * text_bytes + 256; }

}  // namespace synapse
