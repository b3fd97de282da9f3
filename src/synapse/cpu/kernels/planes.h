// Q8_0 packed as two planes, for a head of which most rows need not be read in full: the high nibbles first, from which all rows are
// bounded (screen), then the low ones. With u = q + 128 = 16 h + l a weight is d * (16 h - 120) + d * (l - 8).
//   high, a block of 16 rows   d (16 f16), h as Q4_0 has its nibbles (16 x 16 bytes, packed.h), norm (16 x 1 byte)
//   low                        l, the same way
// norm / kNormSteps is at least the norm of the block's (l - 8), with what the rounding of both products may add (docs/numerics.md).
#pragma once
#include <cstddef>
#include <cstdint>

#include "synapse/cpu/kernels/kernels.h"

namespace synapse {

inline constexpr float kNormSteps = 16.0f / 3;      // 255 of them hold 8 sqrt(32) and the rounding of kMostPlaneBlocks
inline constexpr int32_t kMostPlaneBlocks = 16384;  // of a row

// 16 rows of n_blocks blocks of Q8_0.
void pack_planes(uint8_t* high, uint8_t* low, const uint8_t* const rows[kTileRows], size_t n_blocks);

// One row of them back.
void unpack_plane_row(uint8_t* to, const uint8_t* high, const uint8_t* low, int32_t row, size_t n_blocks);

// Of each block of a row of x, rounded up: its norm / kNormSteps, of which norm bytes are multiples.
void plane_norms(float* norms, const QuantRows& x, int32_t n_blocks);

}  // namespace synapse
