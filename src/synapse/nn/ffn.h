// The feed-forward block. Gated (Shazeer 2020, "GLU variants improve transformer"): residual + down(act(gate h) * up h);
// plain: residual + down(act(up h)).  h = norm(x).
//
// Wiring: "norm": rms|layer|none, "norm_name": weights of the norm if not ffn_norm, "post_norm": none|rms|layer
// (post_ffw_norm), "after_norm": of the sum (layer_output_norm), "act": silu|gelu|gelu_tanh|relu, "gated": bool, "fused": bool: ffn_up holds the rows of gate, then of up.
#pragma once
#include "synapse/nn/block.h"

namespace synapse {

const Block* make_ffn(BlockParts& parts);

}  // namespace synapse
