#include "output.h"

#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cmath>
#include <cstring>

#include "synapse/base/json.h"

namespace synapse::cli {

Status put(std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = write(STDOUT_FILENO, text.data(), text.size());
    if (n < 0 && errno == EINTR) return fail(Code::cancelled, "interrupted");
    if (n < 0) return fail(Code::io, "stdout: ", std::strerror(errno));
    text.remove_prefix(size_t(n));
  }
  return {};
}

Status put_json(const Json& value) { return put(value.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n"); }

void note(std::string_view text) { std::fprintf(stderr, "synapse: %.*s\n", int(text.size()), text.data()); }

bool stderr_is_terminal() { return isatty(STDERR_FILENO); }

std::string human_bytes(uint64_t bytes) {
  static constexpr const char* kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  double value = double(bytes);
  size_t unit = 0;
  for (; value >= 1024 && unit + 1 < std::size(kUnits); ++unit) value /= 1024;
  char text[32];
  std::snprintf(text, sizeof text, unit == 0 ? "%.0f %s" : "%.1f %s", value, kUnits[unit]);
  return text;
}

std::string human_count(uint64_t n) {
  static constexpr const char* kUnits[] = {"", " k", " M", " G", " T"};
  double value = double(n);
  size_t unit = 0;
  for (; value >= 1000 && unit + 1 < std::size(kUnits); ++unit) value /= 1000;
  char text[32];
  std::snprintf(text, sizeof text, unit == 0 ? "%.0f%s" : "%.1f%s", value, kUnits[unit]);
  return text;
}

std::optional<uint64_t> parse_bytes(std::string_view text) {
  const std::string_view number = text.substr(0, text.find_first_not_of("0123456789."));
  if (number.empty() || number == "." || std::count(number.begin(), number.end(), '.') > 1) return std::nullopt;
  const std::optional<double> parsed = parse_decimal(number);  // libc++ has no std::from_chars of a double
  if (!parsed) return std::nullopt;
  const double value = *parsed;
  std::string unit(text.substr(number.size()));
  while (!unit.empty() && unit[0] == ' ') unit.erase(0, 1);
  for (char& c : unit) c = char(std::tolower(static_cast<unsigned char>(c)));
  if (unit.ends_with("b")) unit.pop_back();
  const bool is_binary = unit.ends_with("i") || (unit.size() == 1 && !text.ends_with("b") && !text.ends_with("B"));
  if (unit.ends_with("i")) unit.pop_back();
  const std::string_view kPrefixes = "kmgt";
  double scale = 1;
  if (!unit.empty()) {
    const size_t power = kPrefixes.find(unit[0]);
    if (unit.size() != 1 || power == std::string_view::npos) return std::nullopt;
    scale = std::pow(is_binary ? 1024.0 : 1000.0, double(power + 1));
  }
  if (!(value * scale < 9e18)) return std::nullopt;
  return uint64_t(value * scale);
}

std::string printable(std::string_view text) {
  const std::string quoted = Json(std::string(text)).dump(-1, ' ', false, Json::error_handler_t::replace);
  return quoted.substr(1, quoted.size() - 2);
}

Result<NpyWriter> NpyWriter::create(const std::string& path, std::span<const uint64_t> shape) {
  static_assert(std::endian::native == std::endian::little);
  std::string header = "{'descr': '<f4', 'fortran_order': False, 'shape': (";
  for (uint64_t n : shape) header += std::to_string(n) + ",";
  header += "), }";
  constexpr size_t kPreamble = 10;
  while ((kPreamble + header.size() + 1) % 64 != 0) header += ' ';
  header += '\n';
  std::string all("\x93NUMPY\x01\x00", 8);
  all += char(header.size() & 255);
  all += char(header.size() >> 8);
  all += header;
  SYN_TRY(file, platform::NewFile::create(path.c_str()));
  SYN_RETURN_IF_ERROR(file.write({reinterpret_cast<const uint8_t*>(all.data()), all.size()}));
  return NpyWriter(std::move(file));
}

Status NpyWriter::append(std::span<const float> values) {
  return file_.write({reinterpret_cast<const uint8_t*>(values.data()), values.size_bytes()});
}

}  // namespace synapse::cli
