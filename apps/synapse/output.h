// How results and remarks leave the program: stdout is data only, everything else is stderr.
#pragma once
#include <cstdio>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>

#include "synapse/base/status.h"
#include "synapse/platform/platform.h"

namespace synapse::cli {

using Json = nlohmann::ordered_json;

// Writes to stdout at once, so that a reader sees every token as it comes. `cancelled` when an interrupt came while
// a reader made it wait.
Status put(std::string_view text);
// One line; what is not UTF-8 in a text shows as U+FFFD.
Status put_json(const Json& value);
void note(std::string_view text);  // "synapse: TEXT" on stderr
bool stderr_is_terminal();

std::string human_bytes(uint64_t bytes);  // "64.0 MiB"
std::string human_count(uint64_t n);      // "4.2 M"
// "64MiB", "1.5G", "64M" (binary), "64MB" (decimal), "65536".
std::optional<uint64_t> parse_bytes(std::string_view text);
// Text in one line for a terminal: control characters and broken UTF-8 escaped.
std::string printable(std::string_view text);

// A float32 array in NumPy's format 1.0 (https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html),
// written row by row. The file has its name only when it is complete.
class NpyWriter {
 public:
  static Result<NpyWriter> create(const std::string& path, std::span<const uint64_t> shape);
  Status append(std::span<const float> values);
  Status finish() { return file_.finish(); }

 private:
  explicit NpyWriter(platform::NewFile file) : file_(std::move(file)) {}
  platform::NewFile file_;
};

}  // namespace synapse::cli
