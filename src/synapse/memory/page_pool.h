// The pages of every stream, out of one budgeted piece of device memory. Fresh memory is handed out in order,
// so a reservation becomes resident page by page; pages that come back are used again first.
#pragma once
#include <span>

#include "synapse/nn/state.h"
#include "synapse/tensor/device.h"

namespace synapse {

class PagePool {
 public:
  static size_t page_bytes(const StateLayout& layout, DType k_dtype, DType v_dtype);
  // For n positions of one stream.
  static size_t bytes_for(const StateLayout& layout, DType k_dtype, DType v_dtype, int32_t n_positions);
  // What make takes from its arena for this many bytes of page memory.
  static size_t arena_bytes(const StateLayout& layout, DType k_dtype, DType v_dtype, size_t memory_bytes);

  // Pages lie in `memory` of the device, which must be zero, and outlives the pool. Types are F32, F16, Q8_0 and Q4_0, the
  // latter two for heads that are whole blocks of 32; any other is an error.
  static Result<PagePool*> make(Device& device, const StateLayout& layout, DType k_dtype, DType v_dtype,
                                std::span<uint8_t> memory, Arena& arena);

  PageSource source();
  DType k_dtype() const { return k_dtype_; }
  DType v_dtype() const { return v_dtype_; }
  Device& device() const { return *device_; }
  // The keys or values of a page as one tensor, to read or write it through the device.
  Tensor k_tensor(const KvPage& page) const;
  Tensor v_tensor(const KvPage& page) const;
  size_t bytes_of_page() const { return k_bytes_ + v_bytes_; }
  int32_t n_pages() const { return n_pages_; }  // that fit
  int32_t n_used() const { return n_used_; }

 private:
  explicit PagePool(Device& device) : device_(&device) {}
  KvPage* take();
  void give(KvPage* page);
  void copy(const KvPage& from, KvPage& to);

  Device* device_;
  DType k_dtype_ = DType::f16, v_dtype_ = DType::f16;
  size_t k_bytes_ = 0, v_bytes_ = 0;
  int32_t row_elements_ = 0;             // head_dim
  std::span<uint8_t> memory_;
  std::span<KvPage> pages_;              // by place in memory
  std::span<KvPage*> free_;              // given back, a stack
  std::span<uint8_t> bounce_, zeros_;    // a page each, on the host
  int32_t n_pages_ = 0, n_fresh_ = 0, n_free_ = 0, n_used_ = 0;
};

}  // namespace synapse
