#include "synapse/nn/parallel.h"

#include <new>

namespace synapse {
namespace {

struct Parallel final : Block {
  std::span<const Block*> blocks;

  Tensor forward(Context& cx, Tensor x, Tensor residual, const Batch& batch) const override {
    for (const Block* block : blocks) residual = block->forward(cx, x, residual, batch);
    return residual;
  }
};

}  // namespace

const Block* make_parallel(BlockParts& parts) {
  const JsonValue list = parts.wiring["blocks"];
  void* place = parts.arena.alloc(sizeof(Parallel), alignof(Parallel));
  const Block** blocks = parts.arena.array<const Block*>(list.size());
  if (!place || !blocks) return parts.faults.add("blk.", parts.layer, ": no room for parallel blocks"), nullptr;
  Parallel* b = new (place) Parallel;
  b->blocks = {blocks, make_blocks(list, parts, {blocks, list.size()})};
  if (b->blocks.empty()) parts.faults.add("model.json: \"parallel\" without \"blocks\" in layer ", parts.layer);
  return b;
}

}  // namespace synapse
