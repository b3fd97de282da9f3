// Writes GGUF version 3, little-endian, front to back through a sink: metadata and tensor table first, then
// the bytes of each tensor in any pieces. Needs no memory beside the caller's tables, however big the file.
#pragma once
#include "synapse/base/sink.h"
#include "synapse/io/checkpoint.h"

namespace synapse {

class GgufWriter {
 public:
  // Writes everything before the first tensor. Of each tensor name, format and shape count, not the address.
  // `tensors` must outlive the writer. The alignment is metadata's general.alignment, else 32.
  static Result<GgufWriter> begin(Sink sink, std::span<const MetaEntry> metadata,
                                  std::span<const NamedTensor> tensors);

  // The next bytes of the current tensor; REQUIRES that they do not reach beyond its end. A full tensor is
  // padded and the next becomes current.
  Status write(std::span<const uint8_t> bytes);
  Status finish();  // an error when tensors are missing

 private:
  GgufWriter(Sink sink, std::span<const NamedTensor> tensors, size_t alignment)
      : sink_(sink), tensors_(tensors), alignment_(alignment) {}

  Sink sink_;
  std::span<const NamedTensor> tensors_;
  size_t alignment_;
  size_t current_ = 0;  // tensor
  size_t written_ = 0;  // of its bytes
};

// A whole checkpoint whose tensors lie in host memory, contiguous.
Status write_gguf(Sink sink, const Checkpoint& checkpoint);

}  // namespace synapse
