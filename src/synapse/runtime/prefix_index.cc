#include "synapse/runtime/prefix_index.h"

namespace synapse {

bool PrefixIndex::reserve(size_t n_tokens, Arena& arena) {
  auto* ids = arena.array<int32_t>(n_tokens);
  if (ids) ids_ = {ids, n_tokens};
  return ids != nullptr;
}

void PrefixIndex::sort(const Vocabulary& vocabulary, size_t n) {
  ids_ = ids_.first(n);
  std::sort(ids_.begin(), ids_.end(), [&](int32_t a, int32_t b) { return vocabulary.text(a) < vocabulary.text(b); });
  for (const int32_t id : ids_) ++first_[uint8_t(vocabulary.text(id)[0]) + 1];
  for (size_t b = 1; b < 257; ++b) first_[b] += first_[b - 1];
}

}  // namespace synapse
