// Walks the fields of one protobuf message (https://protobuf.dev/programming-guides/encoding): no recursion,
// no memory, nothing read that is not known to be there.
#pragma once
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

namespace synapse {

class ProtoReader {
 public:
  enum Wire : uint8_t { varint = 0, fixed64 = 1, bytes = 2, fixed32 = 5 };

  explicit ProtoReader(std::span<const uint8_t> message) : left_(message) {}

  // The next field; false at the end and where the message is broken, which ok() tells apart.
  bool next() {
    uint64_t key = 0;
    if (left_.empty() || !ok_) return false;
    ok_ = take(key) && key >> 3 && key >> 3 < (1u << 29);
    field_ = uint32_t(key >> 3), wire_ = Wire(key & 7);
    number_ = 0, data_ = {};
    if (ok_) ok_ = take_value();
    return ok_;
  }
  bool ok() const { return ok_; }

  uint32_t field() const { return field_; }
  bool is(uint32_t field, Wire wire) const { return field_ == field && wire_ == wire; }
  uint64_t number() const { return number_; }              // of a varint or fixed field
  std::span<const uint8_t> data() const { return data_; }  // of a bytes field
  std::string_view text() const { return {reinterpret_cast<const char*>(data_.data()), data_.size()}; }
  float as_float() const {  // of a fixed32 field
    const auto bits = uint32_t(number_);
    float value;
    std::memcpy(&value, &bits, sizeof value);
    return value;
  }

 private:
  bool take(uint64_t& value) {
    value = 0;
    for (uint32_t shift = 0; shift < 64 && !left_.empty(); shift += 7) {
      const uint8_t byte = left_[0];
      left_ = left_.subspan(1);
      value |= uint64_t(byte & 127) << shift;
      if (byte < 128) return true;
    }
    return false;
  }
  bool take_fixed(size_t n) {
    if (left_.size() < n) return false;
    std::memcpy(&number_, left_.data(), n);
    left_ = left_.subspan(n);
    return true;
  }
  bool take_value() {
    uint64_t size = 0;
    switch (wire_) {
      case varint:
        return take(number_);
      case fixed64:
        return take_fixed(8);
      case fixed32:
        return take_fixed(4);
      case bytes:
        if (!take(size) || size > left_.size()) return false;
        data_ = left_.first(size_t(size));
        left_ = left_.subspan(size_t(size));
        return true;
    }
    return false;  // groups, and what does not exist
  }

  std::span<const uint8_t> left_, data_;
  uint64_t number_ = 0;
  uint32_t field_ = 0;
  Wire wire_ = varint;
  bool ok_ = true;
};

}  // namespace synapse
