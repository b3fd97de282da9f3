// What one stream remembers: for every KV slot (a layer's KV head) a row of pages, counted by owner so that
// streams can share a prefix. Grows page by page from a PageSource; a shared page is copied before a write.
#pragma once
#include <span>

#include "synapse/base/arena.h"
#include "synapse/tensor/batch.h"

namespace synapse {

// Summed over the blocks of a model.
struct StateLayout {
  int32_t n_kv_slots = 0;
  int32_t head_dim = 0;  // the largest of any slot: all pages have one size
  bool whole_blocks = true;  // every slot's rows are whole blocks of 32: they can be quantised

  int32_t add_kv(int32_t n_kv_heads, int32_t dim) {  // returns the first of its slots
    const int32_t first = n_kv_slots;
    n_kv_slots += n_kv_heads;
    if (dim > head_dim) head_dim = dim;
    if (dim % 32) whole_blocks = false;
    return first;
  }
};

// Where pages come from: memory/ fills this in.
struct PageSource {
  KvPage* (*take)(void* pool) = nullptr;               // zeroed, one owner; null when there is none left
  void (*give)(void* pool, KvPage* page) = nullptr;    // one owner less
  void (*copy)(void* pool, const KvPage& from, KvPage& to) = nullptr;
  void* pool = nullptr;
};

class State {
 public:
  static size_t arena_bytes(const StateLayout& layout, int32_t max_positions);
  static Result<State*> make(const StateLayout& layout, const PageSource& source, int32_t max_positions, Arena& arena);

  // Makes positions first .. first+n-1 writable: pages that are missing are taken, shared ones copied.
  Status reserve(int32_t first, int32_t n);
  // Gives back the pages that hold nothing before position n.
  void truncate(int32_t n);
  // Drops what it holds and holds the pages of `other` up to position n instead, shared.
  void share(const State& other, int32_t n);

  const KvTable& kv() const { return kv_; }
  const StateLayout& layout() const { return layout_; }
  int32_t n_pages() const { return n_pages_; }  // that this stream holds, shared ones included

 private:
  State() = default;
  KvPage*& at(int32_t slot, int32_t page) { return kv_.pages[size_t(slot) * size_t(kv_.max_pages) + size_t(page)]; }

  StateLayout layout_;
  PageSource source_;
  KvTable kv_;
  int32_t n_pages_ = 0;
};

}  // namespace synapse
