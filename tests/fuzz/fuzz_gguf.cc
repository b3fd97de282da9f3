// Any bytes as a GGUF file: a Status, or a checkpoint whose every name, value and byte can be touched, which written again reads
// the same, and whose tensors of our own formats can be joined.
#include <cstdlib>
#include <cstring>
#include <vector>

#include "synapse/io/gguf.h"
#include "synapse/io/gguf_write.h"
#include "synapse/io/own_formats.h"

using namespace synapse;

namespace {

using Part = std::span<const uint8_t>;

// The bytes at an address that is aligned as a mapped file's is.
struct Aligned {
  explicit Aligned(Part from) : words(from.size() / 8 + 1), bytes(reinterpret_cast<uint8_t*>(words.data()), from.size()) {
    if (!from.empty()) std::memcpy(words.data(), from.data(), from.size());
  }
  std::vector<uint64_t> words;
  Part bytes;
};

uint64_t touch(const Checkpoint& c) {
  uint64_t sum = 0;
  for (const MetaEntry& e : c.metadata) {
    const MetaValue& v = e.value;
    if (c.find(e.key) != &v) std::abort();
    sum += v.text.size() + uint64_t(v.as_int().value_or(1));
    if (v.type != MetaType::array) continue;
    std::string_view text;
    if (v.element == MetaType::string)
      for (StringWalk walk(v); walk.next(text);) sum += text.empty() ? 1 : uint8_t(text.back());
    else if (v.element != MetaType::array && v.count)
      sum += meta_element(v, v.count - 1).u;
  }
  for (const NamedTensor& t : c.tensors) {
    if (c.tensor(t.name) != &t.tensor || !t.tensor.contiguous()) std::abort();
    const auto* bytes = static_cast<const uint8_t*>(t.tensor.data);
    for (size_t i = 0; i < t.tensor.bytes(); ++i) sum += bytes[i];
  }
  return sum;
}

// Every tensor that has scales of ours beside it: an error, or a tensor of blocks within the planned memory.
void join(const Checkpoint& c) {
  const size_t bytes = joined_bytes(c);
  if (bytes > size_t(1) << 22) return;
  std::vector<uint8_t> memory(bytes + Arena::kAlign);
  Arena arena(memory.data(), memory.size());
  for (const NamedTensor& t : c.tensors) {
    const Result<Tensor> joined = join_own(c, t, arena);
    if (!joined.ok() && joined.status().code() == Code::out_of_memory) std::abort();
    if (!joined.ok() || !is_own(joined->dtype)) continue;
    const OwnParts parts = parts_of(*joined);
    std::vector<uint8_t> values(parts.values.bytes()), scales(parts.scales.bytes());
    split_rows(*joined, static_cast<const uint8_t*>(joined->data), joined->rows(), values.data(), scales.data());
    if (std::memcmp(values.data(), t.tensor.data, values.size())) std::abort();
  }
}

Status append(void* to, Part bytes) {
  auto& out = *static_cast<std::vector<uint8_t>*>(to);
  out.insert(out.end(), bytes.begin(), bytes.end());
  return {};
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size > 1 << 16) return 0;
  const Aligned file({data, size});
  (void)gguf_split_count(file.bytes).ok();
  std::vector<uint8_t> memory(gguf_arena_bytes({&file.bytes, 1}));
  Arena arena(memory.data(), memory.size());
  const auto read = read_gguf({&file.bytes, 1}, arena);
  if (!read.ok()) {
    if (!memory.empty() && read.status().code() == Code::out_of_memory) std::abort();  // the bound was wrong
    return 0;
  }
  const uint64_t sum = touch(*read);
  join(*read);
  std::vector<uint8_t> out;
  if (!write_gguf({append, &out}, *read).ok()) std::abort();
  if (out.size() > size_t(1) << 22) return 0;  // a wide alignment
  const Aligned again(out);
  std::vector<uint8_t> more(gguf_arena_bytes({&again.bytes, 1}));
  Arena second(more.data(), more.size());
  const auto reread = read_gguf({&again.bytes, 1}, second);
  if (!reread.ok() || touch(*reread) != sum) std::abort();
  return 0;
}
