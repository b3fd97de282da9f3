#include "synapse/runtime/bpe.h"

#include <algorithm>
#include <bit>

#include "synapse/base/rng.h"

namespace synapse {

namespace {
constexpr uint64_t kFree = UINT64_MAX;  // no pair of ids
uint64_t pair_of(int32_t left, int32_t right) { return uint64_t(uint32_t(left)) << 32 | uint32_t(right); }
}  // namespace

bool MergeTable::reserve(size_t n_merges, Arena& arena) {
  if (n_merges == 0) return true;
  if (n_merges > UINT32_MAX / 2) return false;
  const size_t n_slots = n_merges + n_merges / 2 + 1;
  auto* slots = arena.array<Slot>(n_slots);
  if (slots) slots_ = {slots, n_slots};
  return slots != nullptr;
}

void MergeTable::clear() { std::fill(slots_.begin(), slots_.end(), Slot{kFree, {}}); }

size_t MergeTable::slot_of(uint64_t pair) const { return size_t((mix64(pair) >> 32) * slots_.size() >> 32); }

void MergeTable::look_for(int32_t left, int32_t right) const { __builtin_prefetch(&slots_[slot_of(pair_of(left, right))]); }

void MergeTable::insert(int32_t left, int32_t right, Join join) {
  const uint64_t pair = pair_of(left, right);
  size_t slot = slot_of(pair);
  while (slots_[slot].pair != kFree && slots_[slot].pair != pair) slot = slot + 1 == slots_.size() ? 0 : slot + 1;
  if (slots_[slot].pair == kFree) slots_[slot] = {pair, join};
}

Join MergeTable::find(int32_t left, int32_t right) const {
  const uint64_t pair = pair_of(left, right);
  if (slots_.empty() || pair == kFree) return {};
  size_t slot = slot_of(pair);
  while (slots_[slot].pair != pair) {
    if (slots_[slot].pair == kFree) return {};
    slot = slot + 1 == slots_.size() ? 0 : slot + 1;
  }
  return slots_[slot].join;
}

uint32_t rank_of_score(float score) {
  const auto bits = std::bit_cast<uint32_t>(score + 0.0f);               // -0 becomes +0
  const uint32_t ascending = bits >> 31 ? ~bits : bits | 0x80000000u;  // orders as the numbers do
  return std::min(~ascending, Join::kNever - 1);
}

namespace {

constexpr size_t kShortWord = 48;

template <typename Joins>
size_t merge_short(const Joins& joins, Symbol* s, size_t n) {
  Join join[kShortWord];  // of symbol i and i + 1
  for (size_t i = 0; i + 1 < n; ++i) join[i] = joins(s[i], s[i + 1], s[i + 2].begin);
  while (n > 1) {
    size_t best = 0;
    for (size_t i = 1; i + 1 < n; ++i) {
      if (join[i].rank < join[best].rank) best = i;
    }
    if (join[best].rank == Join::kNever) break;
    s[best].id = join[best].id;
    --n;
    for (size_t i = best + 1; i <= n; ++i) s[i] = s[i + 1];
    for (size_t i = best + 1; i + 1 < n; ++i) join[i] = join[i + 1];
    if (best > 0) join[best - 1] = joins(s[best - 1], s[best], s[best + 1].begin);
    if (best + 1 < n) join[best] = joins(s[best], s[best + 1], s[best + 2].begin);
  }
  return n;
}

// The least of many numbers that change one at a time: a tree of minima, 16 to a node.
class MinTree {
 public:
  static constexpr size_t kFan = 16;

  bool reserve(size_t n, Arena& arena) {
    for (; n_levels_ == 0 || n > 1; ++n_levels_) {
      n = (n + kFan - 1) / kFan * kFan;
      level_[n_levels_] = arena.array<uint32_t>(n);
      if (!level_[n_levels_]) return false;
      std::fill_n(level_[n_levels_], n, Join::kNever);
      n /= kFan;
    }
    return true;
  }
  void set(size_t i, uint32_t value) {
    level_[0][i] = value;
    for (size_t l = 1; l < n_levels_; ++l) {
      const uint32_t* first = level_[l - 1] + i / kFan * kFan;
      uint32_t least = first[0];
      for (size_t k = 1; k < kFan; ++k) least = std::min(least, first[k]);
      i /= kFan;
      if (level_[l][i] == least) return;
      level_[l][i] = least;
    }
  }
  // Leftmost of the least; n when all are kNever.
  size_t argmin(size_t n) const {
    size_t node = 0;
    for (size_t l = n_levels_; l-- > 0;) {
      const uint32_t* first = level_[l] + node * kFan;
      const auto least = size_t(std::min_element(first, first + kFan) - first);
      if (first[least] == Join::kNever) return n;
      node = node * kFan + least;
    }
    return node;
  }

 private:
  uint32_t* level_[8] = {};  // 16^8 leaves
  size_t n_levels_ = 0;
};

template <typename Joins>
Result<size_t> merge_long(const Joins& joins, Symbol* s, size_t n, Arena& scratch) {
  const size_t mark = scratch.mark();
  auto* next = scratch.array<uint32_t>(n + 1);
  auto* previous = scratch.array<uint32_t>(n + 1);
  MinTree ranks;
  if (!next || !previous || !ranks.reserve(n, scratch)) {
    return fail(Code::out_of_memory, "tokenizer: no room to merge a word of ", n, " symbols");
  }
  for (size_t i = 0; i <= n; ++i) {
    next[i] = uint32_t(i + 1);
    previous[i] = uint32_t(i) - 1;
  }
  const auto join_at = [&](size_t i) {
    const size_t right = next[i];
    return right >= n ? Join{} : joins(s[i], s[right], s[next[right]].begin);
  };
  for (size_t i = 0; i < n; ++i) ranks.set(i, join_at(i).rank);
  for (size_t best = ranks.argmin(n); best < n; best = ranks.argmin(n)) {
    s[best].id = join_at(best).id;
    const size_t gone = next[best];
    next[best] = next[gone];
    previous[next[gone]] = uint32_t(best);
    ranks.set(gone, Join::kNever);
    ranks.set(best, join_at(best).rank);
    if (best > 0) ranks.set(previous[best], join_at(previous[best]).rank);
  }
  size_t left = 0;
  for (size_t i = 0; i < n; i = next[i]) s[left++] = s[i];
  s[left] = s[n];
  scratch.rewind(mark);
  return left;
}

template <typename Joins>
Result<size_t> merge_any(const Joins& joins, Symbol* symbols, size_t n, Arena& scratch) {
  if (n <= kShortWord) return merge_short(joins, symbols, n);
  return merge_long(joins, symbols, n, scratch);
}

}  // namespace

Result<size_t> merge(const JoinsByRank& joins, Symbol* symbols, size_t n, Arena& scratch) {
  return merge_any(joins, symbols, n, scratch);
}
Result<size_t> merge(const JoinsByScore& joins, Symbol* symbols, size_t n, Arena& scratch) {
  return merge_any(joins, symbols, n, scratch);
}

}  // namespace synapse
