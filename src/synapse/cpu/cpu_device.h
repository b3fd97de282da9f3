// Runs OpCalls on the processors of this machine: kernels for the arithmetic, a thread pool for the work. Results
// depend on neither the number of threads nor the choice of kernels (docs/numerics.md).
#pragma once
#include "synapse/cpu/kernels/kernels.h"
#include "synapse/cpu/packed_weights.h"
#include "synapse/platform/threads.h"
#include "synapse/tensor/device.h"

namespace synapse {

class CpuDevice final : public Device {
 public:
  // Both must outlive it. One caller at a time: the pool is not reentrant.
  CpuDevice(const Kernels& kernels, platform::ThreadPool& pool) : kernels_(kernels), pool_(pool) {}

  Result<Tensor> prepare(std::string_view name, const Tensor& weight, Arena& arena) override;
  bool screens(const Tensor& w) const override;
  size_t scratch_bytes(const OpCall& call) const override;
  void run(const OpCall& call, void* scratch) override;
  void read(void* host, const Tensor& from) override;
  void write(const Tensor& to, const void* host) override;
  void wait() override {}

  // Weights that it knows are read from there instead of from where their tensors point. Outlives this; null: none.
  void read_from(const PackedWeights* packed) { packed_ = packed; }
  const PackedWeights* packed() const { return packed_; }

 private:
  const Kernels& kernels_;
  platform::ThreadPool& pool_;
  const PackedWeights* packed_ = nullptr;
};

}  // namespace synapse
