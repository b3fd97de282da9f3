#include "synapse/memory/page_pool.h"

#include <algorithm>
#include <new>

namespace synapse {
namespace {

constexpr int32_t kPieceFloats = 1 << 14;  // recurrent rows are copied in pieces, so that no large buffer is needed

size_t part_bytes(const StateLayout& layout, DType t) {
  return Arena::align_up(size_t(kPageRows) * row_bytes(t, layout.head_dim), Arena::kAlign);
}

size_t bounce_bytes(const StateLayout& layout, DType k_dtype, DType v_dtype) {
  const size_t rows = size_t(std::min<int32_t>(layout.n_row_floats, kPieceFloats)) * sizeof(float);
  return std::max({layout.n_kv_slots ? part_bytes(layout, k_dtype) : 0, layout.n_kv_slots ? part_bytes(layout, v_dtype) : 0, rows});
}

// f(part, its first byte) for parts of `t` that the buffers hold: pages whole, rows in pieces.
template <typename F>
void for_each_piece(const Tensor& t, F&& f) {
  if (t.rank > 1) return f(t, size_t(0));
  for (int32_t i = 0; i < t.cols(); i += kPieceFloats) {
    const size_t at = size_t(i) * sizeof(float);
    f(make_tensor(static_cast<uint8_t*>(t.data) + at, DType::f32, {std::min<int32_t>(kPieceFloats, t.cols() - i)}), at);
  }
}

// The most pages that n keys in a row lie in.
int32_t pages_spanned(int64_t n) { return int32_t((n + kPageRows - 2) / kPageRows + 1); }

}  // namespace

size_t PagePool::page_bytes(const StateLayout& layout, DType k_dtype, DType v_dtype) {
  return layout.n_kv_slots ? part_bytes(layout, k_dtype) + part_bytes(layout, v_dtype) : 0;
}

size_t PagePool::row_block_bytes(const StateLayout& layout) {
  return Arena::align_up(size_t(layout.n_row_floats) * sizeof(float), Arena::kAlign);
}

size_t PagePool::bytes_for(const StateLayout& layout, DType k_dtype, DType v_dtype, const StateLimits& limits) {
  const int32_t all = (limits.max_positions + kPageRows - 1) / kPageRows;
  size_t pages = 0;
  for (const StateLayout::Run& run : std::span(layout.runs).first(size_t(layout.n_runs))) {
    // Those of the window before the oldest position to go back to, and of what is being read.
    const int64_t keys = int64_t(run.window) - 1 + limits.rollback + std::min(limits.chunk, limits.max_positions);
    pages += size_t(run.n_slots) * size_t(run.window > 0 ? std::min(all, pages_spanned(keys)) : all);
  }
  const size_t blocks = layout.n_row_floats ? 1 + size_t(limits.n_kept_rows()) : 0;
  return pages * page_bytes(layout, k_dtype, v_dtype) + blocks * row_block_bytes(layout);
}

size_t PagePool::arena_bytes(const StateLayout& layout, DType k_dtype, DType v_dtype, size_t memory_bytes) {
  const size_t page = page_bytes(layout, k_dtype, v_dtype), block = row_block_bytes(layout);
  const size_t n = page ? memory_bytes / page : 0, n_blocks = block ? memory_bytes / block : 0;
  return sizeof(PagePool) + n * (sizeof(KvPage) + sizeof(KvPage*)) + n_blocks * (sizeof(RowBlock) + sizeof(RowBlock*)) +
         2 * bounce_bytes(layout, k_dtype, v_dtype) + 10 * Arena::kAlign;
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
  if (layout.n_kv_slots) pool->k_bytes_ = part_bytes(layout, k_dtype), pool->v_bytes_ = part_bytes(layout, v_dtype);
  pool->row_elements_ = layout.head_dim;
  pool->n_row_floats_ = layout.n_row_floats;
  pool->row_bytes_ = row_block_bytes(layout);
  // Rows are aligned; so is the back of the memory that they are handed out from.
  const size_t over = reinterpret_cast<uintptr_t>(memory.data() + memory.size()) % Arena::kAlign;
  pool->memory_ = memory.first(memory.size() > over ? memory.size() - over : 0);

  // Tables are left untouched until a unit is first used, so that they become resident with their units.
  const auto make_table = [&]<typename T>(Units<T>& units, size_t unit_bytes, std::string_view what) -> Status {
    const size_t n = unit_bytes ? pool->memory_.size() / unit_bytes : 0;
    if (n > INT32_MAX) return fail(Code::invalid, "page pool: ", n, " ", what, ", at most ", INT32_MAX);
    T* all = arena.array<T>(n);
    T** stack = arena.array<T*>(n);
    if (!all || !stack) return fail(Code::out_of_memory, "page pool: ", n, " ", what, " do not fit its arena");
    units.all = {all, n}, units.free = {stack, n};
    return {};
  };
  SYN_RETURN_IF_ERROR(make_table(pool->pages_, pool->bytes_of_page(), "pages"));
  SYN_RETURN_IF_ERROR(make_table(pool->blocks_, pool->row_bytes_, "blocks of rows"));
  const size_t bytes = bounce_bytes(layout, k_dtype, v_dtype);
  SYN_TRY(bounce, arena.zeroed<uint8_t>(bytes, "page pool"));
  SYN_TRY(zeros, arena.zeroed<uint8_t>(bytes, "page pool"));
  pool->bounce_ = bounce, pool->zeros_ = zeros;
  return pool;
}

PageSource PagePool::source() {
  return {
      [](void* pool) { return static_cast<PagePool*>(pool)->take(); },
      [](void* pool, KvPage* page) { static_cast<PagePool*>(pool)->give(page); },
      [](void* pool, const KvPage& from, KvPage& to) { static_cast<PagePool*>(pool)->copy(from, to); },
      [](void* pool) { return static_cast<PagePool*>(pool)->take_rows(); },
      [](void* pool, RowBlock* block) { static_cast<PagePool*>(pool)->give_rows(block); },
      [](void* pool, const RowBlock& from, RowBlock& to) {
        PagePool& self = *static_cast<PagePool*>(pool);
        self.copy(self.row_tensor(from), self.row_tensor(to));
      },
      this,
  };
}

Tensor PagePool::k_tensor(const KvPage& page) const {
  return make_tensor(page.k, page.k_dtype, {kPageRows, row_elements_});
}
Tensor PagePool::v_tensor(const KvPage& page) const {
  return make_tensor(page.v, page.v_dtype, {kPageRows, row_elements_});
}
Tensor PagePool::row_tensor(const RowBlock& block) const { return make_tensor(block.rows, DType::f32, {n_row_floats_}); }

// Whether this much fresh memory lies between the pages at the front and the rows at the back.
bool PagePool::has_room(size_t bytes) const {
  const size_t taken = size_t(pages_.n_fresh) * bytes_of_page() + size_t(blocks_.n_fresh) * row_bytes_;
  return memory_.size() - taken >= bytes;
}

KvPage* PagePool::take() {
  while (pages_.n_free == 0 && !has_room(bytes_of_page()))
    if (!reserve_.give_back || !reserve_.give_back(reserve_.context)) return nullptr;
  KvPage* page;
  if (pages_.n_free > 0) {
    page = pages_.free[size_t(--pages_.n_free)];
    clear(k_tensor(*page)), clear(v_tensor(*page));
  } else {
    page = new (&pages_.all[size_t(pages_.n_fresh)]) KvPage;
    page->k = memory_.data() + size_t(pages_.n_fresh) * bytes_of_page();
    page->v = static_cast<uint8_t*>(page->k) + k_bytes_;
    page->k_dtype = k_dtype_, page->v_dtype = v_dtype_;
    ++pages_.n_fresh;
  }
  page->n_owners = 1;
  ++pages_.n_used;
  return page;
}

void PagePool::give(KvPage* page) {
  SYN_CHECK(page->n_owners > 0);
  if (--page->n_owners > 0) return;
  pages_.free[size_t(pages_.n_free++)] = page;
  --pages_.n_used;
}

RowBlock* PagePool::take_rows() {
  while (blocks_.n_free == 0 && !has_room(row_bytes_))
    if (!reserve_.give_back || !reserve_.give_back(reserve_.context)) return nullptr;
  RowBlock* block;
  if (blocks_.n_free > 0) {
    block = blocks_.free[size_t(--blocks_.n_free)];
    clear(row_tensor(*block));
  } else {
    block = new (&blocks_.all[size_t(blocks_.n_fresh)]) RowBlock;
    ++blocks_.n_fresh;
    block->rows = reinterpret_cast<float*>(memory_.data() + memory_.size() - size_t(blocks_.n_fresh) * row_bytes_);
  }
  block->n_owners = 1;
  ++blocks_.n_used;
  return block;
}

void PagePool::give_rows(RowBlock* block) {
  SYN_CHECK(block->n_owners > 0);
  if (--block->n_owners > 0) return;
  blocks_.free[size_t(blocks_.n_free++)] = block;
  --blocks_.n_used;
}

void PagePool::copy(const KvPage& from, KvPage& to) {
  copy(k_tensor(from), k_tensor(to)), copy(v_tensor(from), v_tensor(to));
}

void PagePool::copy(const Tensor& from, const Tensor& to) {
  for_each_piece(from, [&](const Tensor& piece, size_t at) {
    device_->read(bounce_.data(), piece);
    Tensor target = piece;
    target.data = static_cast<uint8_t*>(to.data) + at;
    device_->write(target, bounce_.data());
  });
}

void PagePool::clear(const Tensor& t) {
  for_each_piece(t, [&](const Tensor& piece, size_t) { device_->write(piece, zeros_.data()); });
}

}  // namespace synapse
