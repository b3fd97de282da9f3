// Aligned memory from one buffer that somebody else owns; freed all at once or back to a mark.
// An Arena over no memory (Arena::counting()) hands out addresses that must not be touched: the way
// to learn how much a computation needs before giving it anything.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

#include "synapse/base/status.h"

namespace synapse {

class Arena {
 public:
  static constexpr size_t kAlign = 64;

  Arena() = default;  // holds nothing
  Arena(void* base, size_t bytes) : base_(static_cast<uint8_t*>(base)), capacity_(bytes) {}
  static Arena counting() { return Arena(reinterpret_cast<void*>(uintptr_t(4096)), SIZE_MAX / 4); }

  // Uninitialised bytes, or null when they do not fit. `align` is a power of two.
  void* alloc(size_t bytes, size_t align = kAlign) {
    const size_t start = align_up(reinterpret_cast<uintptr_t>(base_) + used_, align) -
                         reinterpret_cast<uintptr_t>(base_);
    if (start > capacity_ || bytes > capacity_ - start) return nullptr;
    used_ = start + bytes;
    if (used_ > peak_) peak_ = used_;
    return base_ + start;
  }

  // n uninitialised elements of a type that needs no destructor, or null.
  template <typename T>
  T* array(size_t n, size_t align = alignof(T)) {
    static_assert(std::is_trivially_destructible_v<T>);
    if (n > SIZE_MAX / sizeof(T)) return nullptr;
    return static_cast<T*>(alloc(n * sizeof(T), align));
  }

  // The same, zeroed, as a span; an error names what it was for.
  template <typename T>
  Result<std::span<T>> zeroed(size_t n, std::string_view what) {
    T* p = array<T>(n);
    if (!p) return fail(Code::out_of_memory, what, ": ", n, " x ", sizeof(T), " bytes, ", capacity_ - used_, " left");
    std::memset(static_cast<void*>(p), 0, n * sizeof(T));
    return std::span<T>(p, n);
  }

  size_t used() const { return used_; }
  size_t peak() const { return peak_; }  // the most that was ever used
  size_t capacity() const { return capacity_; }

  size_t mark() const { return used_; }
  void rewind(size_t mark) {
    SYN_CHECK(mark <= used_);
    used_ = mark;
  }

  static constexpr size_t align_up(size_t n, size_t align) { return (n + align - 1) & ~(align - 1); }

 private:
  uint8_t* base_ = nullptr;
  size_t capacity_ = 0;
  size_t used_ = 0;
  size_t peak_ = 0;
};

}  // namespace synapse
