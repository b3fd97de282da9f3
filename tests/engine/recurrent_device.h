// A device whose attention also remembers: what it gives is a leaky sum over time, kept in the stream's rows. It makes a
// hybrid model of any transformer and, without keys, a purely recurrent one, for tests of what keeps such states.
#pragma once
#include <algorithm>
#include <vector>

#include "synapse/cpu/cpu_device.h"
#include "synapse/model/model.h"

namespace synapse::test {

class RecurrentDevice final : public Device {
 public:
  explicit RecurrentDevice(CpuDevice& inner) : inner_(inner) {}

  // A layer's rows are as wide as its heads together. To be called before anything is made for the model's state.
  void add_rows_to(Model& model, bool keeps_keys) {
    StateLayout& layout = const_cast<StateLayout&>(model.state_layout());
    const Config& c = model.config();
    keeps_keys_ = keeps_keys;
    if (!keeps_keys) layout = {};
    for (int32_t i = 0; i < c.n_layers; ++i) offsets_.push_back(layout.add_rows(c.n_heads * c.head_dim));
  }

  Result<Tensor> prepare(std::string_view name, const Tensor& w, Arena& a) override { return inner_.prepare(name, w, a); }
  size_t scratch_bytes(const OpCall& call) const override { return inner_.scratch_bytes(call); }
  void read(void* host, const Tensor& from) override { inner_.read(host, from); }
  void write(const Tensor& to, const void* host) override { inner_.write(to, host); }
  void wait() override { inner_.wait(); }

  void run(const OpCall& call, void* scratch) override {
    if (call.op == Op::kv_append && !keeps_keys_) return;
    if (call.op != Op::attention) return inner_.run(call, scratch);
    const Tensor &q = call.in[0], &y = call.out[0];
    const size_t width = size_t(q.dim(1)) * size_t(q.dim(2));
    float* out = static_cast<float*>(y.data);
    if (keeps_keys_) inner_.run(call, scratch);
    else std::copy_n(static_cast<const float*>(q.data), q.size(), out);
    for (const Stream& s : call.batch->streams) {
      float* rows = s.rows + offsets_[size_t(call.attrs.kv_slot / call.attrs.n_kv_heads)];
      for (int32_t t = 0; t < s.n_rows; ++t)
        for (size_t i = 0; i < width; ++i) {
          float& x = out[size_t(s.first_row + t) * width + i];
          rows[i] = 0.9375f * rows[i] + x;
          x = 0.25f * rows[i];
        }
    }
  }

 private:
  CpuDevice& inner_;
  bool keeps_keys_ = true;
  std::vector<int32_t> offsets_;  // of the layers' rows
};

}  // namespace synapse::test
