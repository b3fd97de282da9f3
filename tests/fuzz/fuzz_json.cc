// Any bytes as JSON: a Status, or a document whose every value can be asked for anything.
#include <cstdlib>
#include <vector>

#include "synapse/base/json.h"

static size_t visit(synapse::JsonValue v) {
  size_t n = 1 + v.as_string().size() + size_t(v.as_int().value_or(0) & 1) + size_t(v.as_bool().value_or(false));
  if (const auto x = v.as_number(); x && *x != *x) std::abort();
  for (const synapse::JsonValue e : v.elements()) n += visit(e);
  for (const auto [key, value] : v.members()) n += key.size() + visit(value);
  return n;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace synapse;
  if (size > 1 << 16) return 0;
  const std::span<const uint8_t> text(data, size);
  std::vector<uint8_t> memory(json_arena_bytes(text));
  Arena arena(memory.data(), memory.size());
  const auto document = parse_json(text, arena);
  if (!document.ok() && document.status().code() == Code::out_of_memory) std::abort();  // the bound was wrong
  if (document.ok() && visit(document->root()) == 0) std::abort();
  return 0;
}
