// What the recurrent blocks have in common: their place, their part of a stream's rows, and weights that files keep in
// several shapes.
#pragma once
#include <new>

#include "synapse/nn/norm.h"
#include "synapse/ops/scan.h"

namespace synapse {

// A block in its arena, or null and a fault.
template <typename T>
T* place_block(BlockParts& parts, std::string_view name) {
  void* place = parts.arena.alloc(sizeof(T), alignof(T));
  if (!place) return parts.faults.add("blk.", parts.layer, ": no room for ", name), nullptr;
  return new (place) T;
}

// Where n floats of every stream's rows lie; a fault when they are too many.
int32_t add_state(const BlockParts& parts, int64_t n);

// Numbers that the config must hold, 1 at least; a fault for each that it does not.
struct Wanted {
  std::string_view key;
  int32_t value;
};
bool wants(const BlockParts& parts, std::initializer_list<Wanted> numbers);

// n elements in f32, whatever shape they have (GGUF keeps some as (n, 1)), as (n).
Tensor get_elements(const BlockParts& parts, std::string_view name, int32_t n);

// ssm_conv1d.weight (C, taps), ssm_conv1d.bias (C) if there is one; SiLU follows.
ops::Conv1dWeights read_conv(const BlockParts& parts, int32_t C);

}  // namespace synapse
