// What runs OpCalls. A CPU is done when run returns; a GPU may only have taken note, until wait.
#pragma once
#include <cstddef>

#include "synapse/base/arena.h"
#include "synapse/tensor/op.h"

namespace synapse {

class Device {
 public:
  // The weight as this device wants it: the same view, or a repacked one in `arena`. An error names
  // what the device cannot run: "blk.0.attn_q.weight: IQ1_S is not a format we run".
  virtual Result<Tensor> prepare(std::string_view name, const Tensor& weight, Arena& arena) = 0;

  // Whether norm_screen and norm_linear_groups run on this weight.
  virtual bool screens(const Tensor&) const { return false; }

  // Bytes of scratch that run(call) wants beside its operands. Depends on shapes and formats only.
  virtual size_t scratch_bytes(const OpCall& call) const = 0;
  // REQUIRES operands to be on this device, outputs not to alias inputs, scratch of at least
  // scratch_bytes(call), 64-byte aligned.
  virtual void run(const OpCall& call, void* scratch) = 0;

  virtual void read(void* host, const Tensor& from) = 0;   // a contiguous copy, from.bytes()
  virtual void write(const Tensor& to, const void* host) = 0;
  virtual void wait() = 0;

 protected:
  ~Device() = default;
};

// Sees every OpCall before it runs, and names its outputs. The tape, the profiler, the tracer.
class Recorder {
 public:
  virtual void on_call(OpCall& call) = 0;
  virtual bool keeps_activations() const = 0;  // true forbids rewinding the arena between blocks

 protected:
  ~Recorder() = default;
};

// What an op needs besides its tensors.
struct Context {
  Device& device;
  Arena& arena;                  // outputs and scratch
  Recorder* recorder = nullptr;  // training, profiling
  bool exact_floats = true;      // false in a model whose matrices are all float (docs/numerics.md)
  Tensor carry = {};             // (T, n): what a block hands on to later ones, for the rows of this call

  // An uninitialised output. The arena was planned: that it does not fit is our own mistake.
  Tensor make(DType dtype, std::initializer_list<int32_t> dims);
  void run(OpCall& call);
};

}  // namespace synapse
