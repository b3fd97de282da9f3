// Everything that is wrong with an input, not only the first thing: one line a fault, in a caller's
// buffer. What does not fit is counted.
#pragma once
#include <span>

#include "synapse/base/status.h"

namespace synapse {

class Faults {
 public:
  explicit Faults(std::span<char> buffer) : buffer_(buffer) {}

  template <typename... Parts>
  SYN_COLD void add(const Parts&... parts) {
    keep(Text<Status::kMessageBytes>(parts...).view());
  }

  int32_t count() const { return n_; }
  bool none() const { return n_ == 0; }
  std::string_view lines() const { return {buffer_.data(), used_}; }  // each ends with \n

  // ok, or one Status: a single fault as it is, several as their number and the first ones.
  Status status(Code code, std::string_view thing) const;

 private:
  void keep(std::string_view line);

  std::span<char> buffer_;
  size_t used_ = 0;
  int32_t n_ = 0;
};

}  // namespace synapse
