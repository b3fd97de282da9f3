// Any bytes as an RWKV vocabulary: a Status, or a spec that builds and encodes.
#include <cstdlib>
#include <vector>

#include "synapse/import/rwkv_vocab.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace synapse;
  if (size > 1 << 16) return 0;
  const std::span<const uint8_t> bytes(data, size);
  std::vector<uint8_t> memory(rwkv_vocab_arena_bytes(bytes));
  Arena arena(memory.data(), memory.size());
  const auto spec = read_rwkv_vocab(bytes, arena);
  if (!spec.ok()) {
    if (spec.status().code() == Code::out_of_memory) std::abort();
    return 0;
  }
  std::vector<uint8_t> built_memory(Tokenizer::bytes(*spec));
  Arena build_arena(built_memory.data(), built_memory.size());
  const auto built = Tokenizer::build(*spec, build_arena);
  if (!built.ok()) std::abort();
  std::vector<uint8_t> scratch_memory((*built)->encode_scratch_bytes(size));
  Arena scratch(scratch_memory.data(), scratch_memory.size());
  std::vector<int32_t> ids((*built)->max_ids(size));
  if (!(*built)->encode({reinterpret_cast<const char*>(data), size}, {}, ids, scratch).ok()) std::abort();
  return 0;
}
