// Which tensors a model multiplies by.
#pragma once
#include "synapse/model/model.h"

namespace synapse {

// The weights of all linears, of experts and of the head among them, each once, in the order that a pass reads them; learnt from a
// pass that computes nothing. They are views of the model's weights. An error when they do not fit `arena`.
Result<std::span<Tensor>> list_matrices(const Model& model, Device& device, Arena& arena);
// What that takes.
size_t matrices_bytes(const Model& model);

}  // namespace synapse
