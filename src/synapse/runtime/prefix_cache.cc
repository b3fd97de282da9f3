#include "synapse/runtime/prefix_cache.h"

#include <algorithm>
#include <new>

#include "synapse/base/rng.h"

namespace synapse {
namespace {

// What 64 tokens take at least: bounds the nodes of models whose state does not grow with them.
constexpr size_t kLeastNodeBytes = 4096;

int32_t count_nodes(const StateLayout& layout, DType k_dtype, DType v_dtype, size_t budget_bytes) {
  const size_t bytes = std::max(size_t(layout.n_kv_slots) * PagePool::page_bytes(layout, k_dtype, v_dtype), kLeastNodeBytes);
  return int32_t(std::min<size_t>(budget_bytes / bytes, 1 << 20));
}

uint64_t hash_page(uint64_t before, std::span<const int32_t> ids) { return hash64(ids.data(), ids.size_bytes(), before); }

}  // namespace

size_t PrefixCache::arena_bytes(const StateLayout& layout, DType k_dtype, DType v_dtype, size_t budget_bytes) {
  const size_t n = size_t(count_nodes(layout, k_dtype, v_dtype, budget_bytes));
  return sizeof(PrefixCache) + 6 * Arena::kAlign +
         n * (sizeof(Node) + (kPageRows + 2) * sizeof(int32_t) + size_t(layout.n_kv_slots) * sizeof(KvPage*));
}

Result<PrefixCache*> PrefixCache::make(PagePool& pool, const StateLayout& layout, size_t budget_bytes, Arena& arena) {
  void* place = arena.alloc(sizeof(PrefixCache), alignof(PrefixCache));
  if (!place) return fail(Code::out_of_memory, "prefix cache: no room in its arena");
  PrefixCache* c = new (place) PrefixCache(pool);
  c->layout_ = layout;
  c->budget_ = budget_bytes;
  const size_t n = size_t(count_nodes(layout, pool.k_dtype(), pool.v_dtype(), budget_bytes));
  SYN_TRY(nodes, arena.zeroed<Node>(n, "prefix cache"));
  SYN_TRY(ids, arena.zeroed<int32_t>(n * kPageRows, "prefix cache"));
  SYN_TRY(pages, arena.zeroed<KvPage*>(n * size_t(layout.n_kv_slots), "prefix cache"));
  SYN_TRY(buckets, arena.zeroed<int32_t>(n, "prefix cache"));
  SYN_TRY(path, arena.zeroed<int32_t>(n, "prefix cache"));
  c->nodes_ = nodes, c->ids_ = ids, c->pages_ = pages, c->buckets_ = buckets, c->path_ = path;
  std::fill(buckets.begin(), buckets.end(), -1);
  for (size_t i = n; i > 0; --i) {
    nodes[i - 1].next = c->free_;
    c->free_ = int32_t(i - 1);
  }
  pool.set_reserve({[](void* cache) { return static_cast<PrefixCache*>(cache)->drop_oldest(); }, c});
  return c;
}

int32_t PrefixCache::find(uint64_t key, int32_t parent, uint64_t hash, std::span<const int32_t> ids) {
  if (buckets_.empty()) return -1;
  for (int32_t i = buckets_[size_t(hash) % buckets_.size()]; i >= 0; i = nodes_[size_t(i)].next) {
    const Node& node = nodes_[size_t(i)];
    if (node.hash == hash && node.key == key && node.parent == parent && std::ranges::equal(ids_of(i), ids)) return i;
  }
  return -1;
}

// A node without pages, or -1 when only the path to it could make room.
int32_t PrefixCache::add(uint64_t key, int32_t parent, uint64_t hash, std::span<const int32_t> ids) {
  if (free_ < 0 && oldest_ >= 0 && oldest_ != parent && nodes_[size_t(oldest_)].n_children == 0) drop_oldest();
  const int32_t i = free_;
  if (i < 0) return -1;
  Node& node = nodes_[size_t(i)];
  free_ = node.next;
  int32_t& bucket = buckets_[size_t(hash) % buckets_.size()];
  node = {hash, key, nullptr, parent, 0, bucket, -1, -1};
  bucket = i;
  if (parent >= 0) ++nodes_[size_t(parent)].n_children;
  std::ranges::copy(ids, ids_of(i).begin());
  link_newest(i);
  ++n_used_;
  return i;
}

// Shares what the state holds of a page and the node does not.
void PrefixCache::hold(int32_t node, int32_t page, const State& state) {
  for (int32_t slot = 0; slot < layout_.n_kv_slots; ++slot) {
    KvPage*& held = page_of(node, slot);
    KvPage* theirs = held ? nullptr : state.page(slot, page);
    if (!theirs) continue;
    ++theirs->n_owners;
    held = theirs;
    bytes_ += pool_.bytes_of_page();
  }
  const int32_t end = (page + 1) * kPageRows;
  RowBlock*& rows = nodes_[size_t(node)].rows;
  RowBlock* theirs = rows ? nullptr : state.position() == end ? state.rows() : state.rows_at(end);
  if (!theirs) return;
  ++theirs->n_owners;
  rows = theirs;
  bytes_ += pool_.bytes_of_row_block();
}

void PrefixCache::store(uint64_t key, std::span<const int32_t> ids, const State& state) {
  SYN_CHECK(state.layout().n_kv_slots == layout_.n_kv_slots && state.position() <= int32_t(ids.size()));
  int32_t n_pages = state.position() / kPageRows;
  // Behind the last rows there is nothing that a stream could go on from.
  if (layout_.n_row_floats)
    while (n_pages > 0 && state.position() != n_pages * kPageRows && !state.rows_at(n_pages * kPageRows)) --n_pages;
  uint64_t hash = hash64(&key, sizeof key);
  int32_t parent = -1, n = 0;
  for (; n < n_pages && n < int32_t(path_.size()); ++n) {
    const auto page_ids = ids.subspan(size_t(n) * kPageRows, kPageRows);
    hash = hash_page(hash, page_ids);
    int32_t node = find(key, parent, hash, page_ids);
    // Nodes on the path become the newest ones, so that none of them goes to make room for another.
    if (node >= 0) unlink(node), link_newest(node);
    else node = add(key, parent, hash, page_ids);
    if (node < 0) break;
    hold(node, n, state);
    path_[size_t(n)] = parent = node;
  }
  touch_path(n);
  while (bytes_ > budget_ && drop_oldest()) {
  }
}

// Whether a stream can go on behind the first n_pages nodes of the path.
bool PrefixCache::can_open(int32_t n_pages) {
  if (layout_.n_row_floats && !nodes_[size_t(path_[size_t(n_pages) - 1])].rows) return false;
  for (int32_t run = 0, slot = 0; run < layout_.n_runs; slot += layout_.runs[run].n_slots, ++run) {
    const int32_t first = first_key(n_pages * kPageRows, layout_.runs[run].window) / kPageRows;
    for (int32_t page = first; page < n_pages; ++page)
      for (int32_t i = 0; i < layout_.runs[run].n_slots; ++i)
        if (!page_of(path_[size_t(page)], slot + i)) return false;
  }
  return true;
}

int32_t PrefixCache::open(uint64_t key, std::span<const int32_t> ids, int32_t least, State& state) {
  SYN_CHECK(state.layout().n_kv_slots == layout_.n_kv_slots);
  uint64_t hash = hash64(&key, sizeof key);
  int32_t known = 0;
  for (int32_t parent = -1; size_t(known) < path_.size() && (size_t(known) + 1) * kPageRows <= ids.size(); ++known) {
    const auto page_ids = ids.subspan(size_t(known) * kPageRows, kPageRows);
    hash = hash_page(hash, page_ids);
    parent = find(key, parent, hash, page_ids);
    if (parent < 0) break;
    path_[size_t(known)] = parent;
  }
  int32_t n_pages = known;
  while (n_pages > 0 && !can_open(n_pages)) --n_pages;
  const int32_t n = n_pages * kPageRows;
  if (n == 0 || n <= least) return 0;

  state.truncate(0);
  for (int32_t run = 0, slot = 0; run < layout_.n_runs; ++run)
    for (const int32_t end = slot + layout_.runs[run].n_slots; slot < end; ++slot) {
      // Back to where the stream's own rollback reaches, as far as nothing is missing.
      const int32_t first = first_key(std::max<int32_t>(n - state.limits().rollback, 0), layout_.runs[run].window) / kPageRows;
      for (int32_t page = n_pages - 1; page >= first && page_of(path_[size_t(page)], slot); --page)
        state.hold_page(slot, page_of(path_[size_t(page)], slot));
    }
  state.hold_rows(n, nodes_[size_t(path_[size_t(n_pages) - 1])].rows);
  state.keep_rows();
  touch_path(n_pages);
  return n;
}

// A node becomes newer than all that stand behind it, so that the oldest of all is always a leaf.
void PrefixCache::touch_path(int32_t n_pages) {
  for (int32_t i = n_pages - 1; i >= 0; --i) unlink(path_[size_t(i)]), link_newest(path_[size_t(i)]);
}

void PrefixCache::link_newest(int32_t node) {
  nodes_[size_t(node)].older = newest_, nodes_[size_t(node)].newer = -1;
  if (newest_ >= 0) nodes_[size_t(newest_)].newer = node;
  newest_ = node;
  if (oldest_ < 0) oldest_ = node;
}

void PrefixCache::unlink(int32_t node) {
  const Node& n = nodes_[size_t(node)];
  (n.older >= 0 ? nodes_[size_t(n.older)].newer : oldest_) = n.newer;
  (n.newer >= 0 ? nodes_[size_t(n.newer)].older : newest_) = n.older;
}

bool PrefixCache::drop_oldest() {
  const int32_t i = oldest_;
  if (i < 0) return false;
  Node& node = nodes_[size_t(i)];
  SYN_CHECK(node.n_children == 0);
  for (int32_t slot = 0; slot < layout_.n_kv_slots; ++slot)
    if (KvPage*& page = page_of(i, slot)) {
      source_.give(source_.pool, page);
      page = nullptr;
      bytes_ -= pool_.bytes_of_page();
    }
  if (node.rows) {
    source_.give_rows(source_.pool, node.rows);
    node.rows = nullptr;
    bytes_ -= pool_.bytes_of_row_block();
  }
  if (node.parent >= 0) --nodes_[size_t(node.parent)].n_children;
  unlink(i);
  int32_t* link = &buckets_[size_t(node.hash) % buckets_.size()];
  while (*link != i) link = &nodes_[size_t(*link)].next;
  *link = node.next;
  node.next = free_;
  free_ = i;
  --n_used_;
  return true;
}

}  // namespace synapse
