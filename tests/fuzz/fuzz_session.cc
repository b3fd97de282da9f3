// A saved session, changed, restored into a stream: over keys, a window, a recurrent state and both at once. The first byte chooses
// the model; then the input is the file itself, or changes of a true one (u16 offset, u8 length, bytes; offset 65535: cut there), in
// both cases with the checksum that it should have. Refused with a Status, or the stream goes on with logits that are numbers or an
// error.
#include <cstdlib>
#include <cstring>

#include "tiny_model.h"

namespace synapse::test {
namespace {

constexpr int32_t kVocab = 80;

struct Kind {
  explicit Kind(const char* architecture, int32_t window = 0) : tiny(architecture, DType::q8_0, shape(window)) {
    Session& s = engine.session(options());
    SYN_CHECK(s.feed(some_ids(20, kVocab)).ok());
    file = saved(s);
  }
  static Shape shape(int32_t window) {
    Shape s;
    s.window = window, s.hidden_dim = 64, s.max_seq_len = 128;
    return s;
  }
  static SessionOptions options() {
    SessionOptions o;
    o.max_seq_len = 64;
    return o;
  }

  TinyCheckpoint tiny;
  Checkpoint checkpoint = tiny.get();
  Engine engine{checkpoint, kernel_variants()[0], 1, options()};
  std::vector<uint8_t> file;
  Session& stream = engine.session(options());
};

std::vector<uint8_t> changed(std::vector<uint8_t> file, std::span<const uint8_t> changes) {
  while (changes.size() > 3) {
    const size_t at = changes[0] + 256u * changes[1];
    const size_t n = std::min<size_t>(changes[2], changes.size() - 3);
    if (at == 65535) file.resize(std::min(file.size(), size_t(changes[2]) * 64));
    for (size_t i = 0; i < n && at + i < file.size(); ++i) file[at + i] = changes[3 + i];
    changes = changes.subspan(3 + n);
  }
  return file;
}

}  // namespace
}  // namespace synapse::test

using namespace synapse;
using namespace synapse::test;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static Kind kinds[] = {Kind("llama"), Kind("llama", 8), Kind("mamba"), Kind("falcon-h1")};
  if (size < 1) return 0;
  Kind& kind = kinds[data[0] % 4];
  const std::span<const uint8_t> rest(data + 1, size - 1);
  std::vector<uint8_t> file = data[0] & 128 ? std::vector<uint8_t>(rest.begin(), rest.end()) : changed(kind.file, rest);
  if (file.size() >= 8) {
    const uint64_t hash = hash64(file.data(), file.size() - 8);
    std::memcpy(file.data() + file.size() - 8, &hash, 8);
  }
  Session& s = kind.stream;
  if (!s.restore(file).ok()) {
    SYN_CHECK(s.ids().empty());
    return 0;
  }
  const int32_t id = 7;
  if (!s.feed({&id, 1}).ok()) return 0;
  const auto logits = s.logits();
  if (!logits.ok()) return 0;
  for (const float logit : *logits)
    if (logit != logit) std::abort();
  return 0;
}
