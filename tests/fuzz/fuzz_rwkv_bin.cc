// Any bytes as an rwkv.cpp checkpoint: a Status, or tensors inside the bytes or the arena.
#include <cstdlib>
#include <vector>

#include "synapse/import/rwkv_bin.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace synapse;
  if (size > 1 << 16) return 0;
  const std::span<const uint8_t> bytes(data, size);
  const auto most = rwkv_bin_arena_bytes(bytes);
  if (!most.ok()) return 0;
  std::vector<uint8_t> memory(*most + Arena::kAlign);
  Arena arena(memory.data(), memory.size());
  const auto checkpoint = read_rwkv_bin(bytes, "fuzz", arena);
  if (!checkpoint.ok()) {
    if (checkpoint.status().code() == Code::out_of_memory) std::abort();
    return 0;
  }
  const auto inside = [](const uint8_t* first, size_t n, const uint8_t* begin, size_t length) {
    return first >= begin && first <= begin + length && n <= size_t(begin + length - first);
  };
  for (const NamedTensor& t : checkpoint->tensors) {
    const auto* first = static_cast<const uint8_t*>(t.tensor.data);
    if (!inside(first, t.tensor.bytes(), data, size) && !inside(first, t.tensor.bytes(), memory.data(), memory.size())) std::abort();
  }
  return 0;
}
