#include "synapse/memory/page_pool.h"

#include <new>

namespace synapse {
namespace {

size_t part_bytes(const StateLayout& layout, DType t) {
  return Arena::align_up(size_t(kPageRows) * row_bytes(t, layout.head_dim), Arena::kAlign);
}

}  // namespace

size_t PagePool::page_bytes(const StateLayout& layout, DType k_dtype, DType v_dtype) {
  return part_bytes(layout, k_dtype) + part_bytes(layout, v_dtype);
}

size_t PagePool::bytes_for(const StateLayout& layout, DType k_dtype, DType v_dtype, int32_t n_positions) {
  const size_t pages = size_t((n_positions + kPageRows - 1) / kPageRows) * size_t(layout.n_kv_slots);
  return pages * page_bytes(layout, k_dtype, v_dtype);
}

size_t PagePool::arena_bytes(const StateLayout& layout, DType k_dtype, DType v_dtype, size_t memory_bytes) {
  const size_t page = page_bytes(layout, k_dtype, v_dtype);
  const size_t n = page ? memory_bytes / page : 0;
  return sizeof(PagePool) + n * (sizeof(KvPage) + sizeof(KvPage*)) + 2 * page + 8 * Arena::kAlign;
}

Result<PagePool*> PagePool::make(Device& device, const StateLayout& layout, DType k_dtype, DType v_dtype,
                                 std::span<uint8_t> memory, Arena& arena) {
  for (const DType t : {k_dtype, v_dtype}) {
    if (t != DType::f32 && t != DType::f16 && t != DType::q8_0 && t != DType::q4_0)
      return fail(Code::unsupported, "cache type: ", label(t), ", wanted F32, F16, Q8_0 or Q4_0");
    if (is_quantised(t) && !layout.whole_blocks)
      return fail(Code::unsupported, "cache type: ", label(t), " with heads of ", layout.head_dim, " numbers, wanted multiples of 32");
  }
  void* place = arena.alloc(sizeof(PagePool), alignof(PagePool));
  if (!place) return fail(Code::out_of_memory, "page pool: no room in its arena");
  PagePool* pool = new (place) PagePool(device);
  pool->k_dtype_ = k_dtype, pool->v_dtype_ = v_dtype;
  pool->k_bytes_ = part_bytes(layout, k_dtype), pool->v_bytes_ = part_bytes(layout, v_dtype);
  pool->row_elements_ = layout.head_dim;
  pool->memory_ = memory;
  const size_t page = pool->bytes_of_page();
  const size_t n = page ? memory.size() / page : 0;
  if (n > INT32_MAX) return fail(Code::invalid, "page pool: ", n, " pages, at most ", INT32_MAX);
  pool->n_pages_ = int32_t(n);

  // Tables are left untouched until a page is first used, so that they become resident with their pages.
  KvPage* pages = arena.array<KvPage>(n);
  KvPage** stack = arena.array<KvPage*>(n);
  if (!pages || !stack) return fail(Code::out_of_memory, "page pool: ", n, " pages do not fit its arena");
  pool->pages_ = {pages, n}, pool->free_ = {stack, n};
  SYN_TRY(bounce, arena.zeroed<uint8_t>(page, "page pool"));
  SYN_TRY(zeros, arena.zeroed<uint8_t>(page, "page pool"));
  pool->bounce_ = bounce, pool->zeros_ = zeros;
  return pool;
}

PageSource PagePool::source() {
  return {
      [](void* pool) { return static_cast<PagePool*>(pool)->take(); },
      [](void* pool, KvPage* page) { static_cast<PagePool*>(pool)->give(page); },
      [](void* pool, const KvPage& from, KvPage& to) { static_cast<PagePool*>(pool)->copy(from, to); },
      this,
  };
}

Tensor PagePool::k_tensor(const KvPage& page) const {
  return make_tensor(page.k, page.k_dtype, {kPageRows, row_elements_});
}
Tensor PagePool::v_tensor(const KvPage& page) const {
  return make_tensor(page.v, page.v_dtype, {kPageRows, row_elements_});
}

KvPage* PagePool::take() {
  KvPage* page;
  if (n_free_ > 0) {
    page = free_[size_t(--n_free_)];
    device_->write(k_tensor(*page), zeros_.data());
    device_->write(v_tensor(*page), zeros_.data());
  } else if (n_fresh_ < n_pages_) {
    page = new (&pages_[size_t(n_fresh_)]) KvPage;
    page->k = memory_.data() + size_t(n_fresh_) * bytes_of_page();
    page->v = static_cast<uint8_t*>(page->k) + k_bytes_;
    page->k_dtype = k_dtype_, page->v_dtype = v_dtype_;
    ++n_fresh_;
  } else {
    return nullptr;
  }
  page->n_owners = 1;
  ++n_used_;
  return page;
}

void PagePool::give(KvPage* page) {
  SYN_CHECK(page->n_owners > 0);
  if (--page->n_owners > 0) return;
  free_[size_t(n_free_++)] = page;
  --n_used_;
}

void PagePool::copy(const KvPage& from, KvPage& to) {
  device_->read(bounce_.data(), k_tensor(from)), device_->write(k_tensor(to), bounce_.data());
  device_->read(bounce_.data(), v_tensor(from)), device_->write(v_tensor(to), bounce_.data());
}

}  // namespace synapse
