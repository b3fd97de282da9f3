#include "synapse/runtime/matrices.h"

#include <algorithm>

#include "synapse/runtime/dry_device.h"

namespace synapse {
namespace {

constexpr size_t kPartsOfWeight = 3;  // a file may keep three matrices as one

struct Matrices final : Recorder {
  std::span<Tensor> all;
  size_t n = 0;

  void on_call(OpCall& call) override {
    switch (call.op) {
      case Op::linears:
      case Op::norm_linears:
        for (int i = 0, first = call.op == Op::linears ? 1 : 3; i < call.n_out; ++i) add(call.in[first + 2 * i]);
        break;
      case Op::gated_linears: add(call.in[1]), add(call.in[2]); break;
      case Op::linear_add: add(call.in[1]); break;
      case Op::expert_linears: add(call.in[2]); break;
      case Op::expert_gated_linears: add(call.in[2]), add(call.in[3]); break;
      default: break;
    }
  }
  bool keeps_activations() const override { return false; }

 private:
  void add(const Tensor& w) {
    for (const Tensor& known : all.first(n))
      if (known.data == w.data) return;
    SYN_CHECK(n < all.size());
    all[n++] = w;
  }
};

}  // namespace

size_t matrices_bytes(const Model& model) { return (model.weights().size() * kPartsOfWeight + 1) * sizeof(Tensor); }

Result<std::span<Tensor>> list_matrices(const Model& model, Device& device, Arena& arena) {
  SYN_TRY(room, arena.zeroed<Tensor>(model.weights().size() * kPartsOfWeight + 1, "list of matrices"));
  Matrices found;
  found.all = room;
  DryDevice dry(device);
  Arena counting = Arena::counting();
  Context cx{dry, counting, &found, !model.all_float()};
  const int32_t context = model.config().max_seq_len;
  const Stream stream{.n_rows = 1, .position = 0, .context = context};
  const Batch batch{{&stream, 1}, 1, false};
  const Tensor ids = cx.make(DType::i32, {1});
  const Tensor x = model.forward(cx, ids, batch, nullptr);
  if (model.writes_text()) model.head(cx, x);
  return found.all.first(found.n);
}

}  // namespace synapse
