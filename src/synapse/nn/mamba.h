// Mamba (Gu and Dao 2023):  x + Wout (scan(u, dt, B, C) * silu(z)),  u = silu(conv(Wx h)),  z = Wz h,  h = norm(x),
// and dt, B, C projected from u. Jamba and Falcon-Mamba normalise those three.
//
// Wiring: "norm": rms|layer. Norms of dt, B and C are used where the weights have them, or without weights where
// ssm.dt_b_c_rms says so. Biases are used where the weights have them.
#pragma once
#include "synapse/nn/block.h"

namespace synapse {

const Block* make_mamba(BlockParts& parts);

}  // namespace synapse
