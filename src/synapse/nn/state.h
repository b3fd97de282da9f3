// What one stream remembers. For every KV slot (a layer's KV head) a row of pages; for recurrent layers one block of
// rows (convolution tails, SSM states, token shifts). Both are counted by owner, so that streams can share a beginning,
// come from a PageSource as they are needed, and are copied before a write when somebody else holds them too.
#pragma once
#include <span>

#include "synapse/base/arena.h"
#include "synapse/tensor/batch.h"

namespace synapse {

// Summed over the blocks of a model.
struct StateLayout {
  // KV slots side by side that see equally many keys.
  struct Run {
    int32_t n_slots;
    int32_t window;  // 0: all
  };
  static constexpr int32_t kMostRuns = 128;               // slots of further runs keep all their pages
  static constexpr int32_t kMostRowFloats = 1 << 30;      // Model::build refuses more

  int32_t n_kv_slots = 0;
  int32_t head_dim = 0;      // the largest of any slot: all pages have one size
  bool whole_blocks = true;  // every slot's rows are whole blocks of 32: they can be quantised
  int32_t n_row_floats = 0;  // of a stream's recurrent rows
  int32_t n_runs = 0;
  Run runs[kMostRuns] = {};

  // Returns the first of its slots. Pages that lie behind the window of every query to come are given back.
  int32_t add_kv(int32_t n_kv_heads, int32_t dim, int32_t window = 0);
  // Returns where the n floats lie in the stream's rows, a multiple of 16; they are zero at the start of a stream.
  int32_t add_rows(int32_t n_floats);
};

// What bounds one stream.
struct StateLimits {
  int32_t max_positions = 0;
  int32_t chunk = 512;    // the most rows of one call
  int32_t rollback = 64;  // how far truncate reaches back and loses at most 63 positions more

  // Row blocks that a stream keeps to go back to: those at multiples of 64 that reach `rollback` back, and one more.
  int32_t n_kept_rows() const { return (rollback + kPageRows - 1) / kPageRows + 2; }
};

// The first key that a query at `position` sees; window 0: all.
inline int32_t first_key(int32_t position, int32_t window) {
  return window > 0 && position >= window ? position - window + 1 : 0;
}

// The recurrent rows of a stream at one position.
struct RowBlock {
  float* rows = nullptr;  // device address
  int32_t n_owners = 0;
};

// Where pages and rows come from: memory/ fills this in.
struct PageSource {
  KvPage* (*take)(void* pool) = nullptr;               // zeroed, one owner; null when there is none left
  void (*give)(void* pool, KvPage* page) = nullptr;    // one owner less
  void (*copy)(void* pool, const KvPage& from, KvPage& to) = nullptr;
  RowBlock* (*take_rows)(void* pool) = nullptr;        // likewise
  void (*give_rows)(void* pool, RowBlock* block) = nullptr;
  void (*copy_rows)(void* pool, const RowBlock& from, RowBlock& to) = nullptr;
  void* pool = nullptr;
};

class State {
 public:
  static size_t arena_bytes(const StateLayout& layout, const StateLimits& limits);
  static Result<State*> make(const StateLayout& layout, const PageSource& source, const StateLimits& limits, Arena& arena);

  // Makes positions first .. first+n-1 writable and stands behind them: missing pages are taken, shared ones copied,
  // those behind a window and `rollback` given back. `first` is position() where there are recurrent rows; an error
  // changes nothing that the stream holds before `first`.
  Status reserve(int32_t first, int32_t n);
  // Rows first_row .. first_row + n_rows - 1 of a batch, at positions that were just reserved.
  Stream stream(int32_t first_row, int32_t n_rows) const {
    return {&kv_, first_row, n_rows, position_ - n_rows, limits_.max_positions, live_ ? live_->rows : nullptr};
  }
  int32_t position() const { return position_; }

  // The nearest position <= n that truncate would go back to: n itself where nothing but whole keys is held; with
  // recurrent rows the last kept ones; 0 where a window's pages are gone.
  int32_t restorable(int32_t n) const;
  // Goes back to restorable(n), which it returns, and gives back what is not needed there.
  int32_t truncate(int32_t n);
  // Remembers the rows of this position, to go back to. Of positions that are no multiples of 64 only the last is kept.
  void keep_rows();
  // Drops what it holds and holds what `other` holds at other.restorable(n) instead, shared. Returns that position.
  int32_t share(const State& other, int32_t n);

  // What is held, part by part, for those who copy it elsewhere. Pages of a slot before first_page of its run are null.
  struct KeptRows {
    int32_t position;
    RowBlock* block;
  };
  int32_t first_page(int32_t run) const { return first_page_[size_t(run)]; }
  KvPage* page(int32_t slot, int32_t page) const { return kv_.pages[size_t(slot) * size_t(kv_.max_pages) + size_t(page)]; }
  RowBlock* rows() const { return live_; }
  std::span<const KeptRows> kept_rows() const { return kept_.first(size_t(n_kept_)); }  // by position
  RowBlock* rows_at(int32_t position) const;  // null: none are kept

  // Drops what it holds and takes pages and rows for the same parts; what is in them is the caller's to write.
  // first_pages is by run, kept by ascending position.
  Status reserve_parts(int32_t position, std::span<const int32_t> first_pages, std::span<const int32_t> kept);
  // For an empty state: holds pages of others, slot by slot, then the rows of the position it stands at with them.
  void hold_page(int32_t slot, KvPage* page);
  void hold_rows(int32_t position, RowBlock* rows);

  const KvTable& kv() const { return kv_; }
  const StateLayout& layout() const { return layout_; }
  const StateLimits& limits() const { return limits_; }
  int32_t n_pages() const { return n_pages_; }  // that this stream holds, shared ones included
  int32_t n_row_blocks() const;                 // likewise

 private:
  State() = default;
  KvPage*& at(int32_t slot, int32_t page) { return kv_.pages[size_t(slot) * size_t(kv_.max_pages) + size_t(page)]; }
  void give_behind(int32_t position);
  void give_pages(int32_t from);
  Status own_rows();
  void drop_kept(int32_t i);

  StateLayout layout_;
  StateLimits limits_;
  PageSource source_;
  KvTable kv_;
  RowBlock* live_ = nullptr;          // null at the start
  std::span<int32_t> first_page_;     // by run: those before it were given back
  std::span<KeptRows> kept_;          // n_kept_ of them, by position
  int32_t n_kept_ = 0;
  int32_t position_ = 0;              // what live_ is the state of
  int32_t end_page_ = 0;              // no slot holds a page from here on
  int32_t n_pages_ = 0;
};

}  // namespace synapse
