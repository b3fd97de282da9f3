// The tokens that a text begins with: ids in the order of their texts, narrowed byte by byte.
#pragma once
#include <algorithm>
#include <cstdint>
#include <span>
#include <string_view>

#include "synapse/base/arena.h"
#include "synapse/runtime/vocabulary.h"

namespace synapse {

class PrefixIndex {
 public:
  bool reserve(size_t n_tokens, Arena& arena);  // as Vocabulary::reserve
  // Of equal texts the last counts; tokens that `wanted` refuses and empty ones are left out.
  template <typename Wanted>
  void fill(const Vocabulary& vocabulary, const Wanted& wanted) {
    size_t n = 0;
    for (int32_t id = 0; id < vocabulary.size(); ++id) {
      if (wanted(id) && vocabulary.find(vocabulary.text(id)) == id) ids_[n++] = id;
    }
    sort(vocabulary, n);
  }

  // found(id, bytes) for every token that is a prefix of `text`, the shortest first. With `spaced`, ' ' in the text
  // stands for U+2581 in the tokens.
  template <typename Found>
  void prefixes(const Vocabulary& vocabulary, std::string_view text, bool spaced, const Found& found) const {
    if (text.empty()) return;
    constexpr std::string_view kSpace = "\u2581";
    const int32_t* lo = ids_.data();
    const int32_t* hi = lo + ids_.size();
    size_t k = 0;  // bytes of the tokens that are known to fit
    for (size_t i = 0; i < text.size() && lo != hi; ++i) {
      for (const char c : spaced && text[i] == ' ' ? kSpace : text.substr(i, 1)) {
        if (k == 0) {
          hi = ids_.data() + first_[uint8_t(c) + 1];
          lo = ids_.data() + first_[uint8_t(c)];
        } else {
          const auto at_k = [&](int32_t id) { return uint8_t(vocabulary.text(id)[k]); };
          lo = std::partition_point(lo, hi, [&](int32_t id) { return at_k(id) < uint8_t(c); });
          hi = std::partition_point(lo, hi, [&](int32_t id) { return at_k(id) == uint8_t(c); });
        }
        ++k;
        if (lo == hi) return;
        if (vocabulary.text(*lo).size() == k) found(*lo++, i + 1);
      }
    }
  }

 private:
  void sort(const Vocabulary& vocabulary, size_t n);

  std::span<int32_t> ids_;
  uint32_t first_[257] = {};  // ids_[first_[b]] is the first whose text begins with byte b
};

}  // namespace synapse
