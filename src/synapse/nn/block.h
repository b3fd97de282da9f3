// A block is one line of a paper: x -> residual + f(x). Immutable once made; what a stream remembers is in State.
#pragma once
#include "synapse/base/json.h"
#include "synapse/nn/config.h"
#include "synapse/nn/state.h"
#include "synapse/nn/weights.h"
#include "synapse/tensor/device.h"

namespace synapse {

class Block {
 public:
  // x, residual (T, dim)  ->  residual + f(x) (T, dim). One after the other, blocks get x twice; parallel ones share x.
  virtual Tensor forward(Context& cx, Tensor x, Tensor residual, const Batch& batch) const = 0;

 protected:
  ~Block() = default;
};

// All that a block is made of. What is wrong goes to `faults`; the block is then never run.
struct BlockParts {
  JsonValue wiring;        // its object in model.json
  const Config& config;
  const Weights& model_weights;  // all of them
  Weights weights;               // narrowed to its layer
  int32_t layer = 0;             // what it is: config.layer(layer)
  StateLayout& state;      // blocks add the KV slots and rows they need
  int32_t& n_carry;        // columns of Context::carry; blocks raise it to what they need
  Device& device;
  Arena& arena;
  Faults& faults;
};

// The block that `kind` names, or null and a fault that lists the kinds there are.
const Block* make_block(std::string_view kind, BlockParts& parts);

// Those of a list of wirings that the layer has: "when" names a property of it, one of sliding, full, recurrent,
// attention, moe, dense, parallel, sequential. Goes to the front of `out`, which has room for the whole list; returns how
// many.
size_t make_blocks(JsonValue list, const BlockParts& parts, std::span<const Block*> out);

// Wiring values: the word at `key`, one of `words` (its index is returned), or `fallback`; anything else is
// a fault.
int32_t wiring_word(const BlockParts& parts, std::string_view key, std::span<const std::string_view> words,
                    int32_t fallback);
bool wiring_flag(const BlockParts& parts, std::string_view key, bool fallback);

}  // namespace synapse
