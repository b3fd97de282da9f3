// The storage formats. Each has a struct by which its packed or filed rows are unpacked:
//   kType      the format; kBlocks: 32-blocks that share d; kParts: parts of every 32 weights that have an integer scale of their
//              own, 0: none; kMin: whether there are minima; kOffset: what is taken off a q (tile.inl)
//   d, m       of the block at byte `at` of 16 rows
//   parts      its integer scales and, where kMin, minima in pairs of int16; kParts > 0
//   each       f(b, g, q) for the four weights of k-group g of its 32-block b, of 16 rows

constexpr int kSigned = -1;  // kOffset of formats whose q is any int8; others have q of 0 .. 127

#include "synapse/cpu/kernels/blocks.inl"
#include "synapse/cpu/kernels/unpack.inl"
#include "synapse/cpu/kernels/q8_0.inl"
#include "synapse/cpu/kernels/planes.inl"
#include "synapse/cpu/kernels/q4_0.inl"
#include "synapse/cpu/kernels/q4_1.inl"
#include "synapse/cpu/kernels/q5_0.inl"
#include "synapse/cpu/kernels/q5_1.inl"
#include "synapse/cpu/kernels/q2_k.inl"
#include "synapse/cpu/kernels/q3_k.inl"
#include "synapse/cpu/kernels/q4_k.inl"
#include "synapse/cpu/kernels/q5_k.inl"
#include "synapse/cpu/kernels/q6_k.inl"
#include "synapse/cpu/kernels/iq4_nl.inl"
#include "synapse/cpu/kernels/iq4_xs.inl"
#include "synapse/cpu/kernels/mxfp4.inl"
#include "synapse/cpu/kernels/tq2_0.inl"
#include "synapse/cpu/kernels/int8.inl"
#include "synapse/cpu/kernels/q2_32.inl"

// f(a format's struct) for all of them.
template <typename F>
void each_format(F&& f) {
  f(Q8_0{}), f(Q4_0{}), f(Q4_1{}), f(Q5_0{}), f(Q5_1{}), f(Q2K{}), f(Q3K{}), f(Q4K{}), f(Q5K{}), f(Q6K{});
  f(Iq4Nl{}), f(Iq4Xs{}), f(Mxfp4{}), f(Tq2_0{}), f(Int8{}), f(Q2_32{}), f(Q2_64{});
}
