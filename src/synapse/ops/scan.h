// Recurrences over time that blocks call. Each stream of the batch goes on from what its rows (Stream::rows) hold at
// `state_row`, or from zero where it has none, and leaves what its next call goes on from: prefill, decode and
// any chunking are one computation. Arithmetic order: docs/numerics.md.
//   T tokens of this call   C channels   H heads   N state size   G groups of heads
#pragma once
#include <span>

#include "synapse/tensor/device.h"

namespace synapse::ops {

// x (T, C), mix (n, C)  ->  (n, T, C): x + (x of the row before - x) * mix.  Keeps C floats.
Tensor token_shift(Context& cx, Tensor x, Tensor mix, const Batch& batch, int32_t state_row);
inline int64_t token_shift_state(int64_t C) { return C; }

struct Conv1dWeights {
  Tensor w;  // (C, K) f32, K at most kMostTaps
  Tensor b;  // (C) f32, or empty
  Act act = Act::silu;  // or none
};
inline constexpr int32_t kMostTaps = 16;
// x (T, C)  ->  (T, C): each channel over its last K rows.  Keeps (K - 1) C floats.
Tensor conv1d(Context& cx, Tensor x, const Conv1dWeights& conv, const Batch& batch, int32_t state_row);
inline int64_t conv1d_state(int64_t C, int32_t K) { return (K - 1) * C; }

// Mamba. x, dt (T, C), B, C (T, N), A (C, N), D (C)  ->  (T, C):
// h = exp(softplus(dt) A) h + softplus(dt) x B;  y = h C + D x.  Keeps a state of N for every channel.
struct SelectiveScanInputs {
  Tensor x, dt, B, C, A, D;
};
Tensor selective_scan(Context& cx, const SelectiveScanInputs& in, const Batch& batch, int32_t state_row);
int64_t selective_scan_state(int32_t C, int32_t N);

// Mamba-2. xBC (T, H P + 2 G N): x of the heads, then B and C of the groups; dt (T, H)  ->  (T, H P). Steps are
// clamp(softplus(dt + dt_bias), dt_min, dt_max).  Keeps a state of N for every value.
struct SsdParams {
  Tensor A, D, dt_bias;  // H elements each, f32
  int32_t n_groups = 1, n_state = 0;
  float dt_min = 0, dt_max = 0;
};
Tensor ssd_scan(Context& cx, Tensor xBC, Tensor dt, const SsdParams& params, const Batch& batch, int32_t state_row);
int64_t ssd_scan_state(int32_t H, int32_t P, int32_t N);

// RWKV-7's time mixing of heads. r, w, k, v, a (T, H, D); w and a as their projections give them  ->  (T, H, D), normalised head
// by head and with the bonus of the current token, before the output gate.  Keeps D x D floats for every head.
struct Wkv7Params {
  Tensor k_k, k_a, r_k;     // H * D elements each, f32
  Tensor norm_w, norm_b;    // the same
  float eps = 0;            // of the heads' layer norm
};
struct Wkv7Inputs {
  Tensor r, w, k, v, a;
};
Tensor wkv7(Context& cx, const Wkv7Inputs& in, const Wkv7Params& params, const Batch& batch, int32_t state_row);
int64_t wkv7_state(int32_t H, int32_t D);

// Gated DeltaNet. qkv (T, 2 G K + H V): queries and keys of the groups, values of the heads; dt, beta (T, H) as projected
// ->  (T, H V).  g = exp(A softplus(dt + dt_bias)), S = g S + sigmoid(beta) (v - g S k) k^T, y = S q / sqrt(K), with q and k
// of length 1.  Keeps K x V floats for every head.
struct GatedDeltaParams {
  Tensor A, dt_bias;  // H elements each, f32
  int32_t n_groups = 1, n_keys = 0;
  float eps = 1e-6f;  // beside the squared length of q and k
};
Tensor gated_delta(Context& cx, Tensor qkv, Tensor dt, Tensor beta, const GatedDeltaParams& params, const Batch& batch,
                   int32_t state_row);
int64_t gated_delta_state(int32_t H, int32_t n_keys, int32_t n_values);

}  // namespace synapse::ops
