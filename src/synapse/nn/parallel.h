// Blocks that read the same x and add up: residual + f1(x) + f2(x) + ..., in this order.
//
// Wiring: "blocks": a list of blocks, each of which may have a "when".
#pragma once
#include "synapse/nn/block.h"

namespace synapse {

const Block* make_parallel(BlockParts& parts);

}  // namespace synapse
