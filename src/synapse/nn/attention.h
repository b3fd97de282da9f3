// Causal self-attention with grouped heads (Ainslie et al. 2023), rotary positions (Su et al. 2021), optional
// head norms (Qwen3) and biases:  x + Wo attention(rope(Wq h), rope(Wk h), Wv h),  h = norm(x).
//
// Wiring: "norm": rms|layer, "rope": half|interleaved, "qk_norm": bool. Biases are used where the weights have them.
#pragma once
#include "synapse/nn/block.h"

namespace synapse {

const Block* make_attention(BlockParts& parts);

}  // namespace synapse
