// A line that somebody types at a terminal: with editing and history where libedit was found at build time (edit.cc),
// as the terminal itself lets it be typed elsewhere (plain.cc).
#pragma once
#include <memory>
#include <string>

namespace synapse::cli {

class LineReader {
 public:
  enum class End { line, interrupted, end_of_input };

  virtual ~LineReader() = default;
  // Shows `prompt` and reads a line, without its line break. What was typed before an interrupt is lost.
  virtual End read(const std::string& prompt, std::string& line) = 0;
  virtual void remember(const std::string& line) = 0;  // for the arrow keys
};

std::unique_ptr<LineReader> make_line_reader();

}  // namespace synapse::cli
