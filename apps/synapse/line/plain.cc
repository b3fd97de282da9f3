#include <cerrno>
#include <cstdio>

#include "line_reader.h"

namespace synapse::cli {
namespace {

class Plain : public LineReader {
  End read(const std::string& prompt, std::string& line) override {
    std::fputs(prompt.c_str(), stderr);
    line.clear();
    errno = 0;
    for (int c; (c = std::getc(stdin)) != EOF; line += char(c)) {
      if (c == '\n') return End::line;
    }
    const bool is_interrupted = errno == EINTR;
    std::clearerr(stdin);
    if (is_interrupted) return End::interrupted;
    return line.empty() ? End::end_of_input : End::line;
  }
  void remember(const std::string&) override {}
};

}  // namespace

std::unique_ptr<LineReader> make_line_reader() { return std::make_unique<Plain>(); }

}  // namespace synapse::cli
