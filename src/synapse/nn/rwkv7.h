// RWKV-7 "Goose" (Peng et al. 2025): time mixing and channel mixing, a block each.
//
//   time mix:     x + Wo (g * wkv7(r, w, k, v, a)), each projected from a mixture of h = norm(x) with the row before;
//                 from the second layer on, v is drawn towards the v of the first (Context::carry).
//   channel mix:  x + Wv relu(Wk m)^2, m the same kind of mixture.
//
// Wiring: "norm": rms|layer.
#pragma once
#include "synapse/nn/block.h"

namespace synapse {

const Block* make_rwkv7_time_mix(BlockParts& parts);
const Block* make_rwkv7_channel_mix(BlockParts& parts);

}  // namespace synapse
