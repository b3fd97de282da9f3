#include "synapse/capi/files.h"

#include "synapse/io/gguf.h"

namespace synapse::capi {
namespace {

constexpr std::string_view kTail = "-00001-of-00005.gguf";

// What stands before "-00001-of-00005.gguf"; empty when the name is not of that kind.
std::string_view split_prefix(std::string_view path) {
  if (path.size() <= kTail.size()) return {};
  const std::string_view tail = path.substr(path.size() - kTail.size());
  for (size_t i = 0; i < tail.size(); ++i) {
    const bool digit = kTail[i] >= '0' && kTail[i] <= '9';
    if (digit ? tail[i] < '0' || tail[i] > '9' : tail[i] != kTail[i]) return {};
  }
  return path.substr(0, path.size() - kTail.size());
}

// Five digits.
Text<8> padded(int32_t n) {
  char digits[] = "00000";
  for (int i = 4; i >= 0; --i, n /= 10) digits[i] = char('0' + n % 10);
  return Text<8>(std::string_view(digits, 5));
}

}  // namespace

Status about(std::string_view path, const Status& status) { return fail(status.code(), path, ": ", status.message()); }

Result<int32_t> count_parts(std::string_view path, const platform::MappedFile& first) {
  const Result<int32_t> n = gguf_split_count(first.bytes());
  if (!n.ok()) return about(path, n.status());
  if (*n > 1 && split_prefix(path).empty()) {
    return fail(Code::invalid, path, ": one of ", *n, " parts, wanted a name like NAME-00001-of-0000N.gguf");
  }
  return *n;
}

Result<platform::MappedFile> open_part(std::string_view path, int32_t part, int32_t n_parts) {
  constexpr size_t kMaxPath = 4000;
  const Text<kMaxPath> name(split_prefix(path), "-", padded(part).view(), "-of-", padded(n_parts).view(), ".gguf");
  if (name.view().size() != path.size()) return fail(Code::invalid, path, ": longer than ", kMaxPath, " bytes");
  return platform::MappedFile::open(name.c_str());
}

}  // namespace synapse::capi
