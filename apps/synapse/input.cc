#include "input.h"

#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <memory>

namespace synapse::cli {
namespace {

bool interrupted = false;

void on_interrupt(int) { __atomic_store_n(&interrupted, true, __ATOMIC_RELAXED); }

}  // namespace

Result<std::string> read_text(const std::string& path) {
  const bool is_stdin = path == "-";
  FILE* file = is_stdin ? stdin : std::fopen(path.c_str(), "rb");
  if (!file) return fail(Code::not_found, path, ": ", std::strerror(errno));
  std::string text;
  char chunk[65536];
  for (size_t n; (n = std::fread(chunk, 1, sizeof chunk, file)) > 0;) text.append(chunk, n);
  const bool broken = std::ferror(file);
  const int why = errno;
  if (!is_stdin) std::fclose(file);
  if (interrupted) return fail(Code::cancelled, "interrupted");
  if (broken) return fail(Code::io, path, ": ", std::strerror(why));
  return text;
}

bool stdin_is_terminal() { return isatty(STDIN_FILENO); }

std::string unescape(const std::string& text) {
  constexpr std::string_view kNames = "nrt'\"\\", kMeant = "\n\r\t'\"\\";
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    const char next = i + 1 < text.size() ? text[i + 1] : '\0';
    const size_t found = text[i] == '\\' && next ? kNames.find(next) : kNames.npos;
    uint8_t byte = 0;
    if (found != kNames.npos) {
      out += kMeant[found], ++i;
    } else if (text[i] == '\\' && next == 'x' && i + 4 <= text.size() &&
               std::from_chars(text.data() + i + 2, text.data() + i + 4, byte, 16).ptr == text.data() + i + 4) {
      out += char(byte), i += 3;
    } else {
      out += text[i];
    }
  }
  return out;
}

Result<std::vector<int32_t>> read_ids(const std::string& text) {
  std::string read;
  if (text == "-") {
    SYN_TRY(all, read_text("-"));
    read = std::move(all);
  }
  const std::string& from = text == "-" ? read : text;
  std::vector<int32_t> ids;
  const char* at = from.data();
  const char* const end = at + from.size();
  while (true) {
    while (at < end && std::strchr(" ,\t\r\n", *at)) ++at;
    if (at == end) return ids;
    int32_t id = 0;
    const auto [after, error] = std::from_chars(at, end, id);
    if (error != std::errc() || (after < end && !std::strchr(" ,\t\r\n", *after))) {
      const size_t shown = std::min<size_t>(16, size_t(end - at));
      return fail(Code::invalid, "ids: \"", std::string_view(at, shown), "\", wanted whole numbers apart by spaces or commas");
    }
    ids.push_back(id);
    at = after;
  }
}

const bool* watch_interrupts() {
  __atomic_store_n(&interrupted, false, __ATOMIC_RELAXED);
  struct sigaction action = {};
  action.sa_handler = on_interrupt;
  action.sa_flags = SA_RESETHAND;
  sigaction(SIGINT, &action, nullptr);
  return &interrupted;
}

}  // namespace synapse::cli
