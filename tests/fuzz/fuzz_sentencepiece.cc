// Any bytes as tokenizer.model: a Status, or a spec that builds or is refused, and then encodes.
#include <cstdlib>
#include <vector>

#include "synapse/import/sentencepiece.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace synapse;
  if (size > 1 << 14) return 0;
  const std::span<const uint8_t> bytes(data, size);
  const size_t most = sentencepiece_arena_bytes(bytes);
  std::vector<uint8_t> memory(2 * most);
  Arena arena(memory.data(), memory.size());
  const auto spec = read_sentencepiece(bytes, arena);
  if (arena.peak() > most) std::abort();
  if (!spec.ok()) return 0;
  std::vector<uint8_t> built_memory(Tokenizer::bytes(*spec));
  Arena build_arena(built_memory.data(), built_memory.size());
  const auto built = Tokenizer::build(*spec, build_arena);
  if (!built.ok()) {
    if (built.status().code() == Code::out_of_memory) std::abort();
    return 0;
  }
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  std::vector<uint8_t> scratch_memory((*built)->encode_scratch_bytes(size));
  Arena scratch(scratch_memory.data(), scratch_memory.size());
  std::vector<int32_t> ids(3 * size + 16);
  const auto n = (*built)->encode(text, {}, ids, scratch);
  if (!n.ok()) std::abort();
  for (size_t i = 0; i < *n; ++i) {
    if (ids[i] < 0 || ids[i] >= (*built)->vocab_size()) std::abort();
  }
  return 0;
}
