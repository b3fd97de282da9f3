#include "synapse/nn/state.h"

#include <new>

namespace synapse {
namespace {

int32_t pages_for(int32_t positions) { return (positions + kPageRows - 1) / kPageRows; }

}  // namespace

size_t State::arena_bytes(const StateLayout& layout, int32_t max_positions) {
  return sizeof(State) + size_t(layout.n_kv_slots) * size_t(pages_for(max_positions)) * sizeof(KvPage*) + 2 * Arena::kAlign;
}

Result<State*> State::make(const StateLayout& layout, const PageSource& source, int32_t max_positions, Arena& arena) {
  SYN_CHECK(max_positions > 0);
  void* place = arena.alloc(sizeof(State), alignof(State));
  if (!place) return fail(Code::out_of_memory, "state: no room in its arena");
  State* state = new (place) State;
  state->layout_ = layout;
  state->source_ = source;
  state->kv_.max_pages = pages_for(max_positions);
  SYN_TRY(pages, arena.zeroed<KvPage*>(size_t(layout.n_kv_slots) * size_t(state->kv_.max_pages), "page table"));
  state->kv_.pages = pages.data();
  return state;
}

Status State::reserve(int32_t first, int32_t n) {
  SYN_CHECK(first >= 0 && n >= 0 && first + n <= kv_.max_pages * kPageRows);
  for (int32_t page = first / kPageRows; page < pages_for(first + n); ++page)
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
  return {};
}

void State::truncate(int32_t n) {
  SYN_CHECK(n >= 0);
  for (int32_t slot = 0; slot < layout_.n_kv_slots; ++slot)
    for (int32_t page = pages_for(n); page < kv_.max_pages; ++page) {
      KvPage*& held = at(slot, page);
      if (!held) continue;
      source_.give(source_.pool, held);
      held = nullptr;
      --n_pages_;
    }
}

void State::share(const State& other, int32_t n) {
  SYN_CHECK(other.layout_.n_kv_slots == layout_.n_kv_slots && other.source_.pool == source_.pool);
  SYN_CHECK(pages_for(n) <= kv_.max_pages);
  truncate(0);
  for (int32_t slot = 0; slot < layout_.n_kv_slots; ++slot)
    for (int32_t page = 0; page < pages_for(n); ++page) {
      KvPage* held = other.kv_.pages[size_t(slot) * size_t(other.kv_.max_pages) + size_t(page)];
      if (!held) continue;
      ++held->n_owners;
      at(slot, page) = held;
      ++n_pages_;
    }
}

}  // namespace synapse
