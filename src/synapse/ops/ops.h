// The operations that blocks call: a shape rule, then one OpCall. A wrong shape panics: a built Model has
// been checked, so only a mistake of ours can get here. Arithmetic order: docs/numerics.md.
//   T tokens of this call   H, K query and KV heads   D head dim   V vocabulary   S positions attended
//   E experts   k experts that a token is sent to
#pragma once
#include <array>
#include <span>

#include "synapse/tensor/device.h"

namespace synapse::ops {

struct Linear {
  Tensor w;  // (out, in), any format
  Tensor b;  // (out) f32, or empty
};

struct NormWeights {
  Norm kind = Norm::rms;
  float eps = 0;
  Tensor w;  // (n) f32
  Tensor b;  // (n) f32, or empty
};

// The same data under other dims. x must be contiguous.
Tensor view(Context& cx, Tensor x, std::initializer_list<int32_t> dims);
// x (n, T, C)  ->  its part i, (T, C): the same data
Tensor part(Context& cx, Tensor x, int32_t i);
// x into `to`, which has its shape and is returned.
Tensor copy(Context& cx, Tensor x, Tensor to);
// x (T, H, D)  ->  (T, H, n): columns first .. first + n - 1, in another place
Tensor slice(Context& cx, Tensor x, int32_t first, int32_t n);

// table (V, C) of any format, ids (T) i32, each in 0 .. V-1  ->  (T, C)
Tensor get_rows(Context& cx, Tensor table, Tensor ids);
// table (P, C) of any format, positions of the batch below P  ->  (T, C): each row's
Tensor get_position_rows(Context& cx, Tensor table, const Batch& batch);
// table (N, C) of any format, types of the batch below N  ->  (T, C): each row's
Tensor get_type_rows(Context& cx, Tensor table, const Batch& batch);

// x (T, in)  ->  (T, out):  x w^T + b
Tensor linear(Context& cx, Tensor x, const Linear& w);
// x (T, in)  ->  up to three of (T, out) over norm(x): the row is normalised and quantised once. A norm without weights is
// none: over x.
std::array<Tensor, 3> norm_linears(Context& cx, Tensor x, const NormWeights& n, std::span<const Linear> ws);
// The reduced head (docs/numerics.md): x (1, in), w (out, in), on a device that screens it. Of norm(x) w^T, upper bounds of all columns,
// and of every 16 columns about what the largest is.
struct Screened {
  Tensor upper;  // (out)
  Tensor most;   // (out / 16, rounded up): the largest of every 16
  Tensor best;   // the same shape
};
Screened norm_screen(Context& cx, Tensor x, const NormWeights& n, Tensor w);
// groups (n) i32, each of 16 columns  ->  (n, 16): as norm_linears gives them; those past the end repeat the last
Tensor norm_linear_groups(Context& cx, Tensor x, const NormWeights& n, Tensor w, Tensor groups);
// x (T, in), gate and up (hidden, in)  ->  (T, hidden):  act(x gate^T + bias) * (x up^T + bias)
Tensor gated_linears(Context& cx, Tensor x, const Linear& gate, const Linear& up, Act act);
// x (T, in), residual (T, out)  ->  (x w^T + b) + residual
Tensor linear_add(Context& cx, Tensor x, const Linear& w, Tensor residual);

// x (..., n)  ->  the same shape, each row normalised over n. The weights of x (T, H, n) may be (H, n): each head's own.
Tensor norm(Context& cx, Tensor x, const NormWeights& n);
Tensor activate(Context& cx, Tensor x, Act act);
Tensor add(Context& cx, Tensor a, Tensor b);
// act(g) * u, as many elements each, in the shape of u
Tensor gate(Context& cx, Tensor g, Tensor u, Act act);
// a + (b - a) * t, of one shape
Tensor lerp(Context& cx, Tensor a, Tensor b, Tensor t);
Tensor scale(Context& cx, Tensor x, float factor);
// cap * tanh(x / cap)
Tensor soft_cap(Context& cx, Tensor x, float cap);

struct RopeAttrs {
  Tensor inv_freq;        // (n_rot / 2) f32
  Tensor inv_freq_long;   // empty, or those of streams whose context is more than long_after
  int32_t long_after = 0;
  float factor = 1;       // of sin and cos
  Rope style = Rope::half;
  int32_t n_rot = 0;      // leading dims of a head that rotate
};
// q (T, H, D), k (T, K, D), each row at its position in the batch  ->  both rotated
std::array<Tensor, 2> rope(Context& cx, Tensor q, Tensor k, const RopeAttrs& rope, const Batch& batch);

// k, v (T, K, D) of this call into each stream's pages, KV slots kv_slot .. kv_slot + K - 1
void kv_append(Context& cx, Tensor k, Tensor v, const Batch& batch, int32_t kv_slot);

struct AttentionAttrs {
  int32_t kv_slot = 0;
  int32_t n_kv_heads = 0;   // H is a multiple of it
  float factor = 1;         // of the scores, usually 1 / sqrt(D)
  float softcap = 0;        // of the scores after that; 0: none
  int32_t window = 0;       // 0: everything before it
  bool causal = true;       // false: a query sees all of its stream, and the window is 0
};
// q (T, H, D) against each stream's pages  ->  (T, H, D). Query t sees keys up to its own position; where attention is not
// causal, up to the last row of its stream in this call, which then holds the whole text.
Tensor attention(Context& cx, Tensor q, const Batch& batch, const AttentionAttrs& attrs);

// The same for one stream, and how much each position was looked at: received (K, S), probabilities summed
// over the call's queries from row `from` on and over the head group.
struct Attended {
  Tensor y, received;
};
Attended attention_received(Context& cx, Tensor q, const Batch& batch, const AttentionAttrs& attrs, int32_t from);

struct RouteAttrs {
  Gating gating = Gating::softmax;
  int32_t n_used = 0;        // k, 1 .. E
  bool renormalise = false;  // the k weights are divided by their sum
  float factor = 1;          // of the weights, at last
  Tensor bias;               // (E) f32, added for the choice alone; or empty
};
// scores (T, E)  ->  the k best experts of each row, in ascending order, and their weights; ties go to the lower index.
struct Routed {
  Tensor experts;  // (T, k) i32
  Tensor weights;  // (T, k)
};
Routed route(Context& cx, Tensor scores, const RouteAttrs& attrs);

// x (T, in), gate and up (E, hidden, in)  ->  (T, k, hidden): row t by each of its experts, act(x gate^T) * (x up^T)
Tensor expert_gated_linears(Context& cx, Tensor x, const Routed& routed, Tensor gate, Tensor up, Act act);
// x (T, k, in), w (E, out, in)  ->  (T, k, out): each row by its expert
Tensor expert_linears(Context& cx, Tensor x, const Routed& routed, Tensor w);
// x (T, k, n), weights (T, k), residual (T, n) or empty  ->  (T, n): sum over j ascending of weights[j] * x[j], then + residual
Tensor expert_sum(Context& cx, Tensor x, Tensor weights, Tensor residual);

}  // namespace synapse::ops
