// Text as Python's str sees it: code points, Unicode white space, letter case. Bytes that are not UTF-8 count
// as one code point each and pass through.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace synapse::jinja {

bool is_space(uint32_t c);  // str.isspace of one character
std::string_view strip_left(std::string_view text);
std::string_view strip_right(std::string_view text);
inline std::string_view strip(std::string_view text) { return strip_left(strip_right(text)); }

// The same for the characters of `set` instead of white space.
std::string_view strip_left(std::string_view text, std::string_view set);
std::string_view strip_right(std::string_view text, std::string_view set);

size_t count_points(std::string_view text);
// The byte at which code point `i` begins, text.size() past the end.
size_t point_at(std::string_view text, size_t i);
// Bytes of the last code point. REQUIRES a text that is not empty.
size_t last_point_bytes(std::string_view text);

// Simple case mapping of Latin (to U+017F), Greek and Cyrillic; other letters stay as they are.
uint32_t to_upper(uint32_t c);
uint32_t to_lower(uint32_t c);
inline bool has_case(uint32_t c) { return to_upper(c) != c || to_lower(c) != c; }

// Whether a line ends here for str.splitlines.
bool is_line_end(uint32_t c);

}  // namespace synapse::jinja
