#include "synapse/nn/state.h"

#include <algorithm>
#include <new>

namespace synapse {
namespace {

int32_t pages_for(int32_t positions) { return (positions + kPageRows - 1) / kPageRows; }

// f(run, slot) for every slot.
template <typename F>
void for_each_slot(const StateLayout& layout, F&& f) {
  for (int32_t run = 0, slot = 0; run < layout.n_runs; ++run)
    for (int32_t end = slot + layout.runs[run].n_slots; slot < end; ++slot) f(run, slot);
}

}  // namespace

int32_t StateLayout::add_kv(int32_t n_kv_heads, int32_t dim, int32_t window) {
  const int32_t first = n_kv_slots;
  n_kv_slots += n_kv_heads;
  if (dim > head_dim) head_dim = dim;
  if (dim % 32) whole_blocks = false;
  if (n_runs > 0 && runs[n_runs - 1].window == window) {
    runs[n_runs - 1].n_slots += n_kv_heads;
  } else if (n_runs < kMostRuns) {
    runs[n_runs++] = {n_kv_heads, window};
  } else {
    runs[n_runs - 1].n_slots += n_kv_heads;
    runs[n_runs - 1].window = 0;
  }
  return first;
}

int32_t StateLayout::add_rows(int32_t n_floats) {
  constexpr int32_t kFloats = int32_t(Arena::kAlign / sizeof(float));
  SYN_CHECK(n_floats >= 0);
  if (n_floats > kMostRowFloats - n_row_floats) {
    n_row_floats = kMostRowFloats + kFloats;
    return 0;
  }
  const int32_t first = n_row_floats;
  n_row_floats += (n_floats + kFloats - 1) / kFloats * kFloats;
  return first;
}

size_t State::arena_bytes(const StateLayout& layout, const StateLimits& limits) {
  return sizeof(State) + size_t(layout.n_kv_slots) * size_t(pages_for(limits.max_positions)) * sizeof(KvPage*) +
         size_t(layout.n_runs) * sizeof(int32_t) + size_t(limits.n_kept_rows()) * sizeof(KeptRows) + 4 * Arena::kAlign;
}

Result<State*> State::make(const StateLayout& layout, const PageSource& source, const StateLimits& limits, Arena& arena) {
  SYN_CHECK(limits.max_positions > 0 && limits.rollback >= 0);
  void* place = arena.alloc(sizeof(State), alignof(State));
  if (!place) return fail(Code::out_of_memory, "state: no room in its arena");
  State* state = new (place) State;
  state->layout_ = layout;
  state->limits_ = limits;
  state->source_ = source;
  state->kv_.max_pages = pages_for(limits.max_positions);
  SYN_TRY(pages, arena.zeroed<KvPage*>(size_t(layout.n_kv_slots) * size_t(state->kv_.max_pages), "page table"));
  SYN_TRY(first_page, arena.zeroed<int32_t>(size_t(layout.n_runs), "page table"));
  SYN_TRY(kept, arena.zeroed<KeptRows>(layout.n_row_floats ? size_t(limits.n_kept_rows()) : 0, "kept rows"));
  state->kv_.pages = pages.data();
  state->first_page_ = first_page;
  state->kept_ = kept;
  return state;
}

Status State::reserve(int32_t first, int32_t n) {
  SYN_CHECK(first >= 0 && n >= 0 && first + n <= kv_.max_pages * kPageRows);
  SYN_CHECK(layout_.n_row_floats == 0 || first == position_);
  give_behind(first - limits_.rollback);
  for (int32_t page = first / kPageRows; page < pages_for(first + n); ++page) {
    end_page_ = std::max(end_page_, page + 1);
    for (int32_t slot = 0; slot < layout_.n_kv_slots; ++slot) {
      KvPage*& held = at(slot, page);
      if (held && held->n_owners == 1) continue;
      KvPage* fresh = source_.take(source_.pool);
      if (!fresh)
        return fail(Code::out_of_memory, "cache: no page left for position ", page * kPageRows, ", ", n_pages_, " pages held");
      fresh->base = page * kPageRows;
      if (held) {
        source_.copy(source_.pool, *held, *fresh);
        source_.give(source_.pool, held);
      } else {
        ++n_pages_;
      }
      held = fresh;
    }
  }
  SYN_RETURN_IF_ERROR(own_rows());
  position_ = first + n;
  return {};
}

// Gives back the pages whose keys no query from `position` on sees.
void State::give_behind(int32_t position) {
  if (position <= 0) return;
  for_each_slot(layout_, [&](int32_t run, int32_t slot) {
    const int32_t window = layout_.runs[run].window;
    if (window <= 0) return;
    const int32_t first = std::min(first_key(position, window) / kPageRows, end_page_);
    for (int32_t page = first_page_[size_t(run)]; page < first; ++page) {
      KvPage*& held = at(slot, page);
      if (!held) continue;
      source_.give(source_.pool, held);
      held = nullptr;
      --n_pages_;
    }
  });
  for (int32_t run = 0; run < layout_.n_runs; ++run) {
    const int32_t window = layout_.runs[run].window;
    if (window <= 0) continue;
    int32_t& at = first_page_[size_t(run)];
    at = std::max(at, std::min(first_key(position, window) / kPageRows, end_page_));
  }
}

// Rows that are nobody else's. Where memory is short, going back is given up for going on.
Status State::own_rows() {
  if (layout_.n_row_floats == 0 || (live_ && live_->n_owners == 1)) return {};
  RowBlock* fresh = source_.take_rows(source_.pool);
  while (!fresh && n_kept_ > 0) {
    drop_kept(0);
    if (live_ && live_->n_owners == 1) return {};
    fresh = source_.take_rows(source_.pool);
  }
  if (!fresh) return fail(Code::out_of_memory, "cache: no memory left for ", layout_.n_row_floats, " floats of recurrent state");
  if (live_) {
    source_.copy_rows(source_.pool, *live_, *fresh);
    source_.give_rows(source_.pool, live_);
  }
  live_ = fresh;
  return {};
}

void State::drop_kept(int32_t i) {
  source_.give_rows(source_.pool, kept_[size_t(i)].block);
  for (--n_kept_; i < n_kept_; ++i) kept_[size_t(i)] = kept_[size_t(i) + 1];
}

void State::keep_rows() {
  if (!live_ || position_ == 0 || rows_at(position_)) return;
  for (int32_t i = n_kept_ - 1; i >= 0; --i)
    if (kept_[size_t(i)].position % kPageRows != 0) drop_kept(i);
  while (n_kept_ > 1 && kept_[1].position <= position_ - limits_.rollback) drop_kept(0);
  if (size_t(n_kept_) == kept_.size()) drop_kept(0);
  ++live_->n_owners;
  kept_[size_t(n_kept_++)] = {position_, live_};
}

RowBlock* State::rows_at(int32_t position) const {
  for (const KeptRows& kept : kept_rows())
    if (kept.position == position) return kept.block;
  return nullptr;
}

int32_t State::restorable(int32_t n) const {
  SYN_CHECK(n >= 0);
  int32_t to = std::min(n, position_);
  if (layout_.n_row_floats && to != position_) {
    to = 0;
    for (const KeptRows& kept : kept_rows())
      if (kept.position <= n) to = kept.position;
  }
  for (int32_t run = 0; run < layout_.n_runs; ++run)
    if (first_key(to, layout_.runs[run].window) < first_page_[size_t(run)] * kPageRows) return 0;
  return to;
}

void State::give_pages(int32_t from) {
  for (int32_t slot = 0; slot < layout_.n_kv_slots; ++slot)
    for (int32_t page = from; page < end_page_; ++page) {
      KvPage*& held = at(slot, page);
      if (!held) continue;
      source_.give(source_.pool, held);
      held = nullptr;
      --n_pages_;
    }
  end_page_ = std::min(end_page_, from);
}

int32_t State::truncate(int32_t n) {
  const int32_t to = restorable(n);
  give_pages(pages_for(to));
  if (to == 0) std::fill(first_page_.begin(), first_page_.end(), 0);
  if (live_ && (to == 0 || to != position_)) {
    RowBlock* rows = to ? rows_at(to) : nullptr;
    if (rows) ++rows->n_owners;
    source_.give_rows(source_.pool, live_);
    live_ = rows;
  }
  while (n_kept_ > 0 && kept_[size_t(n_kept_) - 1].position > to) drop_kept(n_kept_ - 1);
  position_ = to;
  return to;
}

int32_t State::share(const State& other, int32_t n) {
  SYN_CHECK(other.layout_.n_kv_slots == layout_.n_kv_slots && other.source_.pool == source_.pool);
  truncate(0);
  const int32_t to = other.restorable(n);
  SYN_CHECK(pages_for(to) <= kv_.max_pages);
  if (to == 0) return 0;
  for (int32_t slot = 0; slot < layout_.n_kv_slots; ++slot)
    for (int32_t page = 0; page < pages_for(to); ++page)
      if (KvPage* held = other.page(slot, page)) hold_page(slot, held);
  hold_rows(to, to == other.position_ ? other.live_ : other.rows_at(to));
  std::copy(other.first_page_.begin(), other.first_page_.end(), first_page_.begin());
  for (const KeptRows& kept : other.kept_rows()) {
    if (kept.position > to) break;
    if (size_t(n_kept_) == kept_.size()) drop_kept(0);
    ++kept.block->n_owners;
    kept_[size_t(n_kept_++)] = kept;
  }
  return to;
}

void State::hold_page(int32_t slot, KvPage* page) {
  const int32_t place = page->base / kPageRows;
  SYN_CHECK(place < kv_.max_pages && !at(slot, place));
  ++page->n_owners;
  at(slot, place) = page;
  ++n_pages_;
  end_page_ = std::max(end_page_, place + 1);
}

void State::hold_rows(int32_t position, RowBlock* rows) {
  SYN_CHECK(!live_ && (rows != nullptr) == (layout_.n_row_floats > 0));
  if (rows) ++rows->n_owners;
  live_ = rows;
  position_ = position;
  // What is missing at the front of a slot was given back by its first owner.
  for_each_slot(layout_, [&](int32_t run, int32_t slot) {
    int32_t first = pages_for(position);
    while (first > 0 && page(slot, first - 1)) --first;
    first_page_[size_t(run)] = std::max(first_page_[size_t(run)], first);
  });
}

Status State::reserve_parts(int32_t position, std::span<const int32_t> first_pages, std::span<const int32_t> kept) {
  SYN_CHECK(first_pages.size() == first_page_.size() && kept.size() <= kept_.size());
  truncate(0);
  const auto take = [&]() -> Status {
    Status status;
    for_each_slot(layout_, [&](int32_t run, int32_t slot) {
      for (int32_t page = first_pages[size_t(run)]; page < pages_for(position) && status.ok(); ++page) {
        KvPage* fresh = source_.take(source_.pool);
        if (!fresh) {
          status = fail(Code::out_of_memory, "cache: no page left for position ", page * kPageRows, ", ", n_pages_, " pages held");
          return;
        }
        fresh->base = page * kPageRows;
        at(slot, page) = fresh;
        ++n_pages_;
        end_page_ = std::max(end_page_, page + 1);
      }
    });
    SYN_RETURN_IF_ERROR(status);
    if (layout_.n_row_floats == 0 || position == 0) return {};
    SYN_RETURN_IF_ERROR(own_rows());
    for (const int32_t at : kept) {
      RowBlock* block = source_.take_rows(source_.pool);
      if (!block) return fail(Code::out_of_memory, "cache: no memory left for recurrent state");
      kept_[size_t(n_kept_++)] = {at, block};
    }
    return {};
  };
  const Status status = take();
  if (!status.ok()) {
    truncate(0);
    return status;
  }
  std::copy(first_pages.begin(), first_pages.end(), first_page_.begin());
  position_ = position;
  return {};
}

int32_t State::n_row_blocks() const {
  int32_t n = live_ ? 1 : 0;
  for (const KeptRows& kept : kept_rows()) n += kept.block != live_;
  return n;
}

}  // namespace synapse
