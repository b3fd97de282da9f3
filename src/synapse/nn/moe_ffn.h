// The feed-forward block as a mixture of experts (Shazeer et al. 2017; Fedus et al. 2021): a router sends every token to
// the k of its E experts that score best, and their outputs are added by weight:
//   residual + sum_e w_e down_e(act(gate_e h) * up_e h),  h = norm(x),  w = route(router h)
// An expert that all tokens share is added where the weights have one (ffn_*_shexp), times the sigmoid of its gate
// where it has one (Qwen2-MoE, Qwen3-Next).
//
// Wiring: "norm", "norm_name", "post_norm", "after_norm" and "act" as ffn, "gating": softmax|sigmoid. Whether the weights of the chosen
// add up to 1 is the config's.
#pragma once
#include "synapse/nn/block.h"

namespace synapse {

const Block* make_moe_ffn(BlockParts& parts);

}  // namespace synapse
