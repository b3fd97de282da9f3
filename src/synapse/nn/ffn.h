// The feed-forward block. Gated (Shazeer 2020, "GLU variants improve transformer"): x + down(act(gate h) * up h);
// plain: x + down(act(up h)).  h = norm(x).
//
// Wiring: "norm": rms|layer, "act": silu|gelu|gelu_tanh|relu, "gated": bool.
#pragma once
#include "synapse/nn/block.h"

namespace synapse {

const Block* make_ffn(BlockParts& parts);

}  // namespace synapse
