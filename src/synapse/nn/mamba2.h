// Mamba-2 (Dao and Gu 2024):  x + Wout norm(scan(xBC, dt) * silu(z)),  xBC = silu(conv(.)), and z, xBC and dt projected
// from h = norm(x). The inner norm is per group when its weight has the shape (groups, n), over all values when it is
// (n), and left out where there is none.
//
// Wiring: "norm": rms|layer.
#pragma once
#include "synapse/nn/block.h"

namespace synapse {

const Block* make_mamba2(BlockParts& parts);

}  // namespace synapse
