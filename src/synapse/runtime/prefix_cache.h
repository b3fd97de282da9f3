// Beginnings that streams have in common, so that each is read once: system prompts, documents, turns of a conversation.
// A tree whose nodes are 64 tokens each. A node shares the pages of its tokens with the streams that wrote them and, for
// recurrent models, the rows that stood behind them. Content-addressed: a node is found by the hash of all tokens up to
// its end and of the key (model, cache types, settings), and believed only when key and tokens are the same. What was not
// used for longest goes when the budget is spent, leaves first, and when the pool has nothing else left.
#pragma once
#include "synapse/memory/page_pool.h"

namespace synapse {

class PrefixCache {
 public:
  static size_t arena_bytes(const StateLayout& layout, DType k_dtype, DType v_dtype, size_t budget_bytes);
  // For streams of `pool`, which outlives it. `budget_bytes` of the pool's memory at most are held for this cache alone;
  // 0: it remembers nothing.
  static Result<PrefixCache*> make(PagePool& pool, const StateLayout& layout, size_t budget_bytes, Arena& arena);

  // Remembers what `state` holds after ids[0 .. position()), in whole pages. ids may be longer.
  void store(uint64_t key, std::span<const int32_t> ids, const State& state);
  // Makes `state` hold the longest beginning of `ids` that is known and longer than `least` tokens, in place of what it
  // held. Returns its length, a multiple of 64, or 0: then the state is as it was.
  int32_t open(uint64_t key, std::span<const int32_t> ids, int32_t least, State& state);
  // Drops the leaf that was not used for longest; false when there is none.
  bool drop_oldest();

  size_t bytes() const { return bytes_; }      // of pages and rows held
  int32_t n_nodes() const { return n_used_; }

 private:
  struct Node {
    uint64_t hash = 0, key = 0;
    RowBlock* rows = nullptr;
    int32_t parent = -1, n_children = 0;
    int32_t next = -1;              // in its bucket, or of the free ones
    int32_t older = -1, newer = -1;
  };

  explicit PrefixCache(PagePool& pool) : pool_(pool), source_(pool.source()) {}
  std::span<int32_t> ids_of(int32_t node) { return ids_.subspan(size_t(node) * kPageRows, kPageRows); }
  KvPage*& page_of(int32_t node, int32_t slot) { return pages_[size_t(node) * size_t(layout_.n_kv_slots) + size_t(slot)]; }
  int32_t find(uint64_t key, int32_t parent, uint64_t hash, std::span<const int32_t> ids);
  int32_t add(uint64_t key, int32_t parent, uint64_t hash, std::span<const int32_t> ids);
  void hold(int32_t node, int32_t page, const State& state);
  bool can_open(int32_t n_pages);
  void touch_path(int32_t n_pages);
  void link_newest(int32_t node);
  void unlink(int32_t node);

  PagePool& pool_;
  PageSource source_;
  StateLayout layout_;
  size_t budget_ = 0, bytes_ = 0;
  std::span<Node> nodes_;
  std::span<int32_t> ids_;        // 64 a node
  std::span<KvPage*> pages_;      // by node and slot; null: behind a window when it was stored
  std::span<int32_t> buckets_;    // by hash: the first node of a list, -1
  std::span<int32_t> path_;       // nodes from the root, of the call at hand
  int32_t n_used_ = 0, free_ = -1, newest_ = -1, oldest_ = -1;
};

}  // namespace synapse
