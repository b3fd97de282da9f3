// Any bytes as a safetensors file, and its JSON as a shard index: a Status, or tensors whose every byte can be touched.
#include <cstdlib>
#include <vector>

#include "synapse/import/safetensors.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace synapse;
  if (size > 1 << 16) return 0;
  const std::span<const uint8_t> file(data, size);
  std::vector<uint8_t> memory(safetensors_arena_bytes(file) + json_arena_bytes(file));
  Arena arena(memory.data(), memory.size());
  if (const auto index = read_shard_index(file, arena); index.ok()) {
    for (const std::string& name : index->files)
      if (name.empty() || name == ".." || name.find('/') != name.npos) std::abort();
  }
  const auto tensors = read_safetensors(file, arena);
  if (!tensors.ok()) return tensors.status().code() == Code::out_of_memory ? (std::abort(), 0) : 0;
  size_t covered = 0;
  uint64_t sum = 0;
  for (const NamedTensor& t : *tensors) {
    covered += t.tensor.bytes();
    const auto* bytes = static_cast<const uint8_t*>(t.tensor.data);
    for (size_t i = 0; i < t.tensor.bytes(); ++i) sum += bytes[i];
  }
  if (covered > size || sum > 255 * size) std::abort();
  return 0;
}
