// Sizes calls without running them: with a counting arena, forward() becomes its own memory plan.
#pragma once
#include "synapse/tensor/device.h"

namespace synapse {

struct DryDevice final : Device {
  Device& real;
  explicit DryDevice(Device& device) : real(device) {}
  Result<Tensor> prepare(std::string_view, const Tensor& weight, Arena&) override { return weight; }
  size_t scratch_bytes(const OpCall& call) const override { return real.scratch_bytes(call); }
  void run(const OpCall&, void*) override {}
  void read(void*, const Tensor&) override {}
  void write(const Tensor&, const void*) override {}
  void wait() override {}
};

}  // namespace synapse
