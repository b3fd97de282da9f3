// The pages and recurrent rows of every stream, out of one budgeted piece of device memory: pages from its front, blocks
// of rows from its back. Fresh memory is handed out in order, so a reservation becomes resident as it is used; what comes
// back is used again first.
#pragma once
#include <span>

#include "synapse/nn/state.h"
#include "synapse/tensor/device.h"

namespace synapse {

class PagePool {
 public:
  static size_t page_bytes(const StateLayout& layout, DType k_dtype, DType v_dtype);
  static size_t row_block_bytes(const StateLayout& layout);
  // The most that one stream holds at a time: all its pages, of a window those that its limits keep, its rows and the
  // ones it keeps to go back to.
  static size_t bytes_for(const StateLayout& layout, DType k_dtype, DType v_dtype, const StateLimits& limits);
  // What make takes from its arena for this many bytes of memory.
  static size_t arena_bytes(const StateLayout& layout, DType k_dtype, DType v_dtype, size_t memory_bytes);

  // Pages lie in `memory` of the device, which must be zero, and outlives the pool. Types are F32, F16, Q8_0 and Q4_0, the
  // latter two for heads that are whole blocks of 32; any other is an error.
  static Result<PagePool*> make(Device& device, const StateLayout& layout, DType k_dtype, DType v_dtype,
                                std::span<uint8_t> memory, Arena& arena);

  // Asked when there is nothing left to hand out: gives something back, or is false. At most one may be asked.
  struct Reserve {
    bool (*give_back)(void* context) = nullptr;
    void* context = nullptr;
  };
  void set_reserve(const Reserve& reserve) { reserve_ = reserve; }

  PageSource source();
  DType k_dtype() const { return k_dtype_; }
  DType v_dtype() const { return v_dtype_; }
  Device& device() const { return *device_; }
  // The keys or values of a page, or recurrent rows, as one tensor, to read or write it through the device.
  Tensor k_tensor(const KvPage& page) const;
  Tensor v_tensor(const KvPage& page) const;
  Tensor row_tensor(const RowBlock& block) const;
  size_t bytes_of_page() const { return k_bytes_ + v_bytes_; }
  size_t bytes_of_row_block() const { return row_bytes_; }
  int32_t n_used() const { return pages_.n_used; }            // pages that somebody owns
  int32_t n_row_blocks_used() const { return blocks_.n_used; }  // likewise

 private:
  // Units of one kind: by the order in which they were first handed out, and those that were given back, a stack.
  template <typename T>
  struct Units {
    std::span<T> all;
    std::span<T*> free;
    int32_t n_fresh = 0, n_free = 0, n_used = 0;
  };

  explicit PagePool(Device& device) : device_(&device) {}
  KvPage* take();
  void give(KvPage* page);
  void copy(const KvPage& from, KvPage& to);
  RowBlock* take_rows();
  void give_rows(RowBlock* block);
  bool has_room(size_t bytes) const;
  void copy(const Tensor& from, const Tensor& to);
  void clear(const Tensor& t);

  Device* device_;
  DType k_dtype_ = DType::f16, v_dtype_ = DType::f16;
  size_t k_bytes_ = 0, v_bytes_ = 0, row_bytes_ = 0;
  int32_t row_elements_ = 0;             // head_dim
  int32_t n_row_floats_ = 0;
  std::span<uint8_t> memory_;
  Units<KvPage> pages_;
  Units<RowBlock> blocks_;
  Reserve reserve_;
  std::span<uint8_t> bounce_, zeros_;    // on the host
};

}  // namespace synapse
