// Any bytes as a llama2.c checkpoint, and as its tokenizer.bin: a Status, or tensors inside the bytes.
#include <cstdlib>
#include <cstring>
#include <vector>

#include "synapse/import/llama2c.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace synapse;
  if (size > 1 << 16) return 0;
  std::vector<float> aligned(size / sizeof(float) + 1);
  if (size) std::memcpy(aligned.data(), data, size);
  const std::span<const uint8_t> bytes(reinterpret_cast<const uint8_t*>(aligned.data()), size);
  static std::vector<uint8_t> memory(kLlama2cArenaBytes);  // not cleared for each input: that would be most of the time
  Arena arena(memory.data(), memory.size());
  const auto checkpoint = read_llama2c(bytes, "fuzz", arena);
  if (checkpoint.ok()) {
    for (const NamedTensor& t : checkpoint->tensors) {
      const auto* first = static_cast<const uint8_t*>(t.tensor.data);
      if (first < bytes.data() || t.tensor.bytes() > size_t(bytes.data() + size - first)) std::abort();
    }
  } else if (checkpoint.status().code() == Code::out_of_memory) {
    std::abort();
  }
  const size_t most = llama2c_tokenizer_arena_bytes(bytes);
  std::vector<uint8_t> tables(2 * most);
  Arena table_arena(tables.data(), tables.size());
  const int32_t n = size ? data[0] + 1 : 1;
  if (!read_llama2c_tokenizer(bytes, n, table_arena).ok()) return 0;
  if (table_arena.peak() > most) std::abort();
  return 0;
}
