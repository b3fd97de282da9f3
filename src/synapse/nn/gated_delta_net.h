// Gated DeltaNet (Yang et al. 2024) as Qwen3-Next has it:  x + Wout (norm(scan(qkv, dt, beta)) * silu(z)),  qkv = silu(conv(.)),
// and qkv, z, dt and beta projected from h = norm(x).
//
// Wiring: "norm": rms|layer.
#pragma once
#include "synapse/nn/block.h"

namespace synapse {

const Block* make_gated_delta_net(BlockParts& parts);

}  // namespace synapse
