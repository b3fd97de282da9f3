// A Recorder that sums the squares of what every linear reads: the making of an imatrix.
#pragma once
#include "synapse/quant/imatrix.h"
#include "synapse/quant/weight_names.h"

namespace synapse {

class ImatrixCollector final : public Recorder {
 public:
  // `with_head`: also of the matrix that makes the logits, for the rows whose logits are asked for.
  ImatrixCollector(const Model& model, Device& device, bool with_head)
      : names_(model), device_(device), with_head_(with_head) {}

  void on_call(OpCall& call) override;
  bool keeps_activations() const override { return false; }

  // What was seen so far; an error when it holds an infinity or a NaN.
  Result<Imatrix> finish() const;

 private:
  struct Sums {
    std::vector<double> squares;  // (matrices, columns)
    std::vector<uint64_t> counts;
  };

  WeightNames names_;
  Device& device_;
  bool with_head_;
  std::map<std::string_view, Sums> sums_;
  std::vector<float> x_, norm_w_, norm_b_;
  std::vector<int32_t> experts_;
};

}  // namespace synapse
