// Takes the bytes of a file, in order, in any pieces.
#pragma once
#include <cstdint>
#include <span>

#include "synapse/base/status.h"

namespace synapse {

struct Sink {
  Status (*write)(void* context, std::span<const uint8_t> bytes) = nullptr;
  void* context = nullptr;
};

}  // namespace synapse
