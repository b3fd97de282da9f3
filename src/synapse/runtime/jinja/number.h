// Doubles as Python writes them, exactly, without the C library.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace synapse::jinja {

inline constexpr size_t kRealBytes = 400;  // the most that these write

// repr(x): the fewest digits that read back as x. Returns the bytes written.
size_t write_real(double x, char* out);
// f"{x:.{precision}f}", rounded half to even on the exact value; nan and inf as such. REQUIRES precision
// <= 60.
size_t write_fixed(double x, int32_t precision, char* out);

double floor_real(double x);
double remainder_real(double x, double y);  // Python's x % y: the sign of y. REQUIRES y != 0
// What int(text, base) and float(text) accept, underscores and white space included; base 2 .. 36.
std::optional<int64_t> parse_whole(std::string_view text, int32_t base);
std::optional<double> parse_real(std::string_view text);

}  // namespace synapse::jinja
