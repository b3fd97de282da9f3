// An arena with address space of its own: pages become memory as they are used, all go at once.
#pragma once
#include "synapse/base/arena.h"
#include "synapse/platform/platform.h"

namespace synapse {

class Region {
 public:
  Region() = default;
  static Result<Region> make(size_t bytes) {
    SYN_TRY(memory, platform::Reservation::make(bytes));
    Region region;
    region.arena_ = Arena(memory.bytes().data(), memory.bytes().size());
    region.memory_ = std::move(memory);
    return region;
  }

  Arena& arena() { return arena_; }
  const Arena& arena() const { return arena_; }
  std::span<uint8_t> bytes() const { return memory_.bytes(); }

 private:
  platform::Reservation memory_;
  Arena arena_;
};

}  // namespace synapse
