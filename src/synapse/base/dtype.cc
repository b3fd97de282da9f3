#include "synapse/base/dtype.h"

namespace synapse {
namespace {

constexpr char lower(char c) { return c >= 'A' && c <= 'Z' ? char(c + 32) : c; }

bool same_word(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i)
    if (lower(a[i]) != lower(b[i])) return false;
  return true;
}

}  // namespace

std::optional<DType> dtype_from_gguf(uint32_t gguf_id) {
  for (size_t i = 0; i < kNDTypes; ++i)
    if (kDTypes[i].gguf_id == gguf_id && !is_own(DType(i))) return DType(i);
  return std::nullopt;
}

std::optional<DType> dtype_from_label(std::string_view label) {
  for (size_t i = 0; i < kNDTypes; ++i)
    if (same_word(kDTypes[i].label, label)) return DType(i);
  return std::nullopt;
}

}  // namespace synapse
