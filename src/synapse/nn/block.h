// A block is one line of a paper: x -> x + f(x). Immutable once made; what a stream remembers is in State.
#pragma once
#include "synapse/base/json.h"
#include "synapse/nn/config.h"
#include "synapse/nn/state.h"
#include "synapse/nn/weights.h"
#include "synapse/tensor/device.h"

namespace synapse {

class Block {
 public:
  // x (T, dim)  ->  (T, dim)
  virtual Tensor forward(Context& cx, Tensor x, const Batch& batch) const = 0;

 protected:
  ~Block() = default;
};

// All that a block is made of. What is wrong goes to `faults`; the block is then never run.
struct BlockParts {
  JsonValue wiring;        // its object in model.json
  const Config& config;
  const Weights& model_weights;  // all of them
  Weights weights;               // narrowed to its layer
  int32_t layer = 0;
  StateLayout& state;      // blocks add the KV slots they need
  Device& device;
  Arena& arena;
  Faults& faults;
};

// The block that `kind` names, or null and a fault that lists the kinds there are.
const Block* make_block(std::string_view kind, BlockParts& parts);

// Wiring values: the word at `key`, one of `words` (its index is returned), or `fallback`; anything else is
// a fault.
int32_t wiring_word(const BlockParts& parts, std::string_view key, std::span<const std::string_view> words,
                    int32_t fallback);
bool wiring_flag(const BlockParts& parts, std::string_view key, bool fallback);

}  // namespace synapse
