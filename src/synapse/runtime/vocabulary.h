// The texts of all tokens, and the way back from a text to its id: one block of bytes and one hash table.
#pragma once
#include <cstdint>
#include <span>
#include <string_view>

#include "synapse/base/arena.h"
#include "synapse/base/rng.h"

namespace synapse {

class Vocabulary {
 public:
  static constexpr int32_t kMaxTokens = 1 << 24;

  // Takes the memory for these tokens; false when the arena is full or there are more than kMaxTokens or
  // 4 GiB of text. Touches nothing, so a counting arena will do.
  bool reserve(std::span<const std::string_view> tokens, Arena& arena);
  // Fills what reserve took. Of equal texts the last is found; empty texts are not found.
  void fill(std::span<const std::string_view> tokens);

  int32_t size() const { return int32_t(offsets_.size()) - 1; }
  size_t max_token_bytes() const { return max_token_bytes_; }
  std::string_view text(int32_t id) const { return {bytes_ + offsets_[id], offsets_[id + 1] - offsets_[id]}; }

  // The id of a text, -1 when there is none.
  int32_t find(std::string_view text) const { return find(text, {}); }
  int32_t find(std::string_view left, std::string_view right) const;  // of their concatenation
  // The same in two steps, for who looks up many texts at once: look_for brings the place to look at closer while others
  // are worked on. `hash` is hash64 of the text.
  void look_for(uint64_t hash) const { __builtin_prefetch(&slots_[slot_of(mix64(hash))]); }
  int32_t find_hashed(uint64_t hash, std::string_view left, std::string_view right) const;
  // The same for a text in which each ' ' stands for U+2581, as SentencePiece stores spaces.
  int32_t find_spaced(std::string_view text) const;

 private:
  struct Slot {
    uint32_t tag;  // of the text's hash, so that few wrong texts are compared
    int32_t id;    // -1: free
  };
  static uint32_t tag_of(uint64_t mixed) { return uint32_t(mixed); }
  size_t slot_of(uint64_t mixed) const { return size_t((mixed >> 32) * slots_.size() >> 32); }
  size_t next_slot(size_t slot) const { return slot + 1 == slots_.size() ? 0 : slot + 1; }

  std::span<uint32_t> offsets_;  // size() + 1
  char* bytes_ = nullptr;
  std::span<Slot> slots_;
  size_t max_token_bytes_ = 0;
};

}  // namespace synapse
