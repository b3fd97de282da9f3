// One list of operation calls, as plain data, for every consumer: instruction sets against scalar, thread counts,
// devices against the CPU, targets against each other. Inputs are functions of the case's name.
#pragma once
#include <cstdint>
#include <span>

#include "synapse/base/arena.h"
#include "synapse/tensor/device.h"

namespace synapse::op_cases {

struct OpCase {
  const char* name;
  Op op;
  int32_t T = 1;         // rows of each stream in this call
  int32_t n = 64;        // columns of x
  int32_t out[3] = {};   // linears: rows of each weight; the first 0 ends the list
  DType format[3] = {};  // of each weight, or of the table
  bool bias = false;     // expert_sum: a residual
  int32_t H = 0, K = 0, D = 0;  // rope, kv_append, attention; heads and their size of scans, taps of conv1d
  int32_t n_streams = 1;
  int32_t position = 0;  // of each stream's first row; stream s stands 37 s further on
  DType cache = DType::f16;
  bool received = false;
  int32_t E = 0, k = 0;  // experts, and how many of them a row is sent to
  Attrs attrs = {};      // factor, softcap, act, norm, rope, gating, renormalise, causal, exact, n_rot, long_after, window
  float scale = 1;       // inputs lie in -scale .. scale
  bool stateless = false;    // scans: without Stream::rows
  int32_t rows_at_once = 0;  // attention and scans of one stream: as several calls of so many rows; 0: one call
};

std::span<const OpCase> all();

// Any bytes as one block of a quantised format whose scales are ordinary numbers.
void random_block(DType format, uint8_t* block, uint64_t seed);

// Bytes of arena with which every case runs.
inline constexpr size_t kArenaBytes = 24u << 20;

// Runs the case on a device whose memory the host can address, and returns the digest of all output bytes; for
// kv_append of the pages, for scans of the rows too. `arena` is left as it was; `call`, when not null, receives the call, whose tensors stay
// readable until the arena is used again.
uint64_t run(const OpCase& c, Device& device, Arena& arena, OpCall* call = nullptr);

}  // namespace synapse::op_cases
