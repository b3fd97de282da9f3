// One operation on given tensors, as a value: a device runs it, a recorder keeps it, a plan sizes it,
// a test enumerates it.
#pragma once
#include <cstdint>
#include <string_view>

#include "synapse/tensor/batch.h"
#include "synapse/tensor/tensor.h"

namespace synapse {

enum class Op : uint8_t {
#define SYN_OP(name, group) name,
#include "synapse/tensor/op.def"
#undef SYN_OP
  count
};
std::string_view op_name(Op op);

enum class Act : uint8_t { none, silu, gelu, gelu_tanh, relu, sigmoid, tanh, relu2 };
enum class Norm : uint8_t { rms, layer };
enum class Rope : uint8_t { half, interleaved };  // pairs (i, i + D/2), or (2i, 2i + 1)
enum class Gating : uint8_t { softmax, sigmoid };  // a router's scores to weights: over all experts, or each alone

// Plain attributes; each op reads the few it names in ops/ops.h.
struct Attrs {
  float eps = 0;               // norm
  float factor = 1;            // scale; attention: the scores' factor; rope: of sin and cos; route: of the weights
  float softcap = 0;           // soft_cap; attention: of the scores, 0: none
  Act act = Act::none;         // activate, gate, gated_linears, expert_gated_linears; conv1d: none or silu
  Norm norm = Norm::rms;       // norm, norm_linears
  Rope rope = Rope::half;      // rope
  Gating gating = Gating::softmax;  // route
  bool renormalise = false;    // route: the chosen weights add up to 1
  bool causal = true;          // attention: a query sees the keys up to its own; else all keys of its stream
  bool exact = true;           // linears, of experts too: float weights summed in 16 lanes with two roundings
  int32_t n_rot = 0;           // rope: leading dims of a head that rotate, even
  int32_t long_after = 0;      // rope: a stream whose context is more turns by the long frequencies, if there are any
  int32_t kv_slot = 0;         // kv_append, attention: first KV slot of this layer
  int32_t n_kv_heads = 0;      // attention
  int32_t window = 0;          // attention: a query sees this many keys, itself included; 0: all
  int32_t received_from = 0;   // attention: first row of the call whose probabilities count as received
  int32_t first = 0;           // slice: the first column
  int32_t state_row = 0;       // scans: where their state begins in Stream::rows
  int32_t n_groups = 0;        // ssd_scan, gated_delta: groups of heads that share B and C, or q and k
  int32_t n_state = 0;         // the same: width of those
  float dt_min = 0;            // ssd_scan: steps are clamped
  float dt_max = 0;
};

struct OpCall {
  static constexpr size_t kMaxIn = 12, kMaxOut = 4;
  Op op = Op::count;
  uint8_t n_in = 0, n_out = 0;
  Tensor in[kMaxIn];   // an absent optional input is an empty Tensor
  Tensor out[kMaxOut];
  Attrs attrs;
  const Batch* batch = nullptr;  // get_position_rows, get_type_rows, rope, kv_append, attention, scans
};

}  // namespace synapse
