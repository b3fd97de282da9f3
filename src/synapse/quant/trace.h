// A Recorder that hands out what every operation computed, under a name.
//
// An output is called after the weight that made it, without ".weight": blk.0.attn_q, blk.0.ffn_norm, token_embd. Where
// more was done than applying that weight the operation follows: blk.0.attn_output.linear_add has the residual added,
// blk.0.ffn_gate.gated_linears is act(gate) * up. What has no weight is called after its layer and operation:
// blk.0.attention, blk.0.rope.q, blk.0.rope.k. The logits are output, also of a tied head. A name that came before in this pass gets .2, .3.
#pragma once
#include <functional>
#include <map>
#include <string>

#include "synapse/quant/weight_names.h"

namespace synapse {

class Tracer final : public Recorder {
 public:
  // `take` is given each output once it is computed, in order; after an error it is asked no more.
  using Take = std::function<Status(const std::string& name, const Tensor& output)>;
  Tracer(const Model& model, Device& device, Take take) : names_(model), device_(device), take_(std::move(take)) {}

  void on_call(OpCall& call) override;
  bool keeps_activations() const override { return false; }

  // After the last call: hands out what it computed. The first error of `take`. What comes next is another pass.
  Status finish();

 private:
  void hand_out();
  std::string unique(std::string name);

  WeightNames names_;
  Device& device_;
  Take take_;
  OpCall last_;                    // the call before: its outputs are computed when the next one comes
  std::vector<std::string> last_names_;
  std::string layer_;              // "blk.3." of the last weight that had one
  std::map<std::string, int> seen_;
  Status status_;
};

}  // namespace synapse
