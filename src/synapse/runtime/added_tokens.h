// Finds the tokens that are matched in the text itself, before any word is cut: the leftmost, of those that
// start there the longest.
#pragma once
#include <cstdint>
#include <span>
#include <string_view>

#include "synapse/runtime/tokenizer.h"

namespace synapse {

class AddedTokens {
 public:
  struct Match {
    size_t begin, end;  // with the white space that lstrip and rstrip take; equal to text.size() when none
    int32_t id;         // -1: none
  };

  // `tokens` is kept and sorted; empty texts are dropped, of equal texts the first counts.
  void build(std::span<AddedToken> tokens);
  // The first match at or after `from`; special tokens only when `parse_special`, and outside the `literal` ranges
  // (ascending, apart).
  Match find(std::string_view text, size_t from, bool parse_special, std::span<const TextRange> literal = {}) const;

 private:
  struct Rules {
    bool parse_special;
    std::span<const TextRange> literal;
    bool forbid(const AddedToken& token, size_t begin) const;
  };
  const AddedToken* longest_at(std::string_view text, size_t at, const Rules& rules) const;

  std::span<const AddedToken> sorted_;
  uint32_t first_[257] = {};  // sorted_[first_[b]] is the first whose text begins with byte b
};

}  // namespace synapse
