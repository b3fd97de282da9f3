#include "synapse/base/faults.h"

#include <cstring>

namespace synapse {

void Faults::keep(std::string_view line) {
  ++n_;
  if (line.size() + 1 > buffer_.size() - used_) return;
  std::memcpy(buffer_.data() + used_, line.data(), line.size());
  used_ += line.size();
  buffer_[used_++] = '\n';
}

Status Faults::status(Code code, std::string_view thing) const {
  if (none()) return {};
  const std::string_view all = lines();
  if (n_ == 1) return fail(code, all.substr(0, all.find('\n')));
  char joined[Status::kMessageBytes];
  TextBuffer text(joined, sizeof joined);
  for (char c : all.substr(0, all.size() ? all.size() - 1 : 0)) {
    if (c == '\n') text.append("; ");
    else text.append(c);
  }
  return fail(code, thing, ": ", n_, " faults: ", text.view());
}

}  // namespace synapse
