// Byte-pair merging of one word: the adjacent pair of the best rank becomes one symbol, the leftmost first on
// ties, until no pair is known. O(n log n) for n symbols; quadratic below a few dozen, where that is faster.
#pragma once
#include <cstdint>
#include <span>

#include "synapse/base/arena.h"
#include "synapse/runtime/vocabulary.h"

namespace synapse {

// What a pair of neighbours becomes. Lower ranks go first.
struct Join {
  static constexpr uint32_t kNever = UINT32_MAX;
  uint32_t rank = kNever;
  int32_t id = -1;
};

// (left id, right id) -> Join, as the published merge lists have it.
class MergeTable {
 public:
  bool reserve(size_t n_merges, Arena& arena);  // as Vocabulary::reserve
  void clear();                                 // before the first insert
  void insert(int32_t left, int32_t right, Join join);  // the first of equal pairs stays
  void look_for(int32_t left, int32_t right) const;     // brings the pair's place closer, ahead of insert
  Join find(int32_t left, int32_t right) const;
  bool empty() const { return slots_.empty(); }

 private:
  struct Slot {
    uint64_t pair;
    Join join;
  };
  size_t slot_of(uint64_t pair) const;

  std::span<Slot> slots_;
};

// Part of a word: the bytes from `begin` to the next symbol's. id -1: a character that is no token.
struct Symbol {
  uint32_t begin;
  int32_t id;
};

// Where the joins of a word come from: merges by rank, or any two neighbours whose text together is a token,
// best score first (SentencePiece).
struct JoinsByRank {
  const MergeTable& table;
  Join operator()(const Symbol& left, const Symbol& right, uint32_t) const { return table.find(left.id, right.id); }
};
struct JoinsByScore {
  const Vocabulary& vocabulary;
  std::span<const uint32_t> ranks;  // by id
  std::string_view word;            // ' ' for U+2581
  Join operator()(const Symbol& left, const Symbol&, uint32_t end) const {
    const int32_t id = vocabulary.find_spaced(word.substr(left.begin, end - left.begin));
    return id < 0 ? Join{} : Join{ranks[size_t(id)], id};
  }
};

// A rank that orders as scores do, best lowest. REQUIRES a score that is not NaN.
uint32_t rank_of_score(float score);

// Merges in place; returns how many symbols are left, at the front. symbols[n].begin is the word's size.
// REQUIRES n < 2^31. Long words take merge_bytes(n) from scratch and give it back.
Result<size_t> merge(const JoinsByRank& joins, Symbol* symbols, size_t n, Arena& scratch);
Result<size_t> merge(const JoinsByScore& joins, Symbol* symbols, size_t n, Arena& scratch);
constexpr size_t merge_bytes(size_t n) { return 14 * n + 1024; }

}  // namespace synapse
