// Short texts in fixed buffers: how the engine forms messages without a heap.
// Text<N> keeps at most N bytes and ends with "..." when more was appended.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>

namespace synapse {

// A run of dimensions that prints as (4, 256). Not owned.
struct Dims {
  const int32_t* data;
  size_t size;
};

class TextBuffer {
 public:
  TextBuffer(char* data, size_t capacity) : data_(data), capacity_(capacity) {}

  void append(std::string_view text);
  void append(const char* text) { append(std::string_view(text)); }
  void append(char c) { append(std::string_view(&c, 1)); }
  void append(bool b) { append(std::string_view(b ? "true" : "false")); }
  void append(double value);  // at most 9 significant digits; nan, inf and -inf as such
  void append(Dims dims);
  template <typename T>
    requires(std::is_integral_v<T> && !std::is_same_v<T, bool> && !std::is_same_v<T, char>)
  void append(T value) {
    if constexpr (std::is_signed_v<T>) {
      append_signed(value);
    } else {
      append_unsigned(value);
    }
  }

  std::string_view view() const { return {data_, size_}; }

 private:
  void append_signed(int64_t value);
  void append_unsigned(uint64_t value);

  char* data_;
  size_t capacity_;
  size_t size_ = 0;
};

template <size_t N>
class Text {
 public:
  template <typename... Parts>
  explicit Text(const Parts&... parts) {
    TextBuffer buffer(bytes_, N);
    (buffer.append(parts), ...);
    size_ = buffer.view().size();
    bytes_[size_] = 0;
  }
  std::string_view view() const { return {bytes_, size_}; }
  const char* c_str() const { return bytes_; }
  operator std::string_view() const { return view(); }

 private:
  char bytes_[N + 1];
  size_t size_ = 0;
};

}  // namespace synapse
