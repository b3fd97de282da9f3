// Self-attention, causal unless the config says otherwise, with grouped heads (Ainslie et al. 2023), rotary positions (Su et al. 2021), optional norms of
// queries and keys and biases:  residual + Wo attention(rope(Wq h), rope(Wk h), Wv h),  h = norm(x).
//
// Wiring: "norm": rms|layer|none, "norm_name": weights of the norm if not attn_norm, "post_norm": none|rms|layer
// (post_attention_norm), "after_norm": of the sum (attn_output_norm), "rope": half|interleaved|none,
// "qk_norm": none|head|whole, "qk_norm_kind": rms|layer.
// "gate": true: attn_q holds a gate beside the query of every head, the sigmoid of which the head's result is multiplied by.
// attn_qkv, when it is there, holds the rows of q, k and v. Biases are used where the weights have them. The window, the
// rotary base, soft-cap and factor of the scores are the config's, layer by layer.
#pragma once
#include "synapse/nn/block.h"

namespace synapse {

const Block* make_attention(BlockParts& parts);

}  // namespace synapse
