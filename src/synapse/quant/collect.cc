#include "synapse/quant/collect.h"

#include <algorithm>
#include <cmath>

#include "synapse/cpu/kernels/kernels.h"

namespace synapse {
namespace {

template <typename T>
const T* read(Device& device, const Tensor* t, std::vector<T>& into) {
  if (!t || t->empty()) return nullptr;
  into.resize(t->size());
  device.read(into.data(), *t);
  return into.data();
}

}  // namespace

void ImatrixCollector::on_call(OpCall& call) {
  const LinearInputs in = linear_inputs(call);
  std::vector<std::pair<std::string_view, const Tensor*>> weights;  // each once, also where parts of it are used
  for (const Tensor* w : in.weights) {
    const std::string_view name = names_.find(*w);
    const bool wanted = name.starts_with("blk.") || (with_head_ && !name.empty());
    if (wanted && std::ranges::find(weights, name, [](const auto& pair) { return pair.first; }) == weights.end())
      weights.emplace_back(name, w);
  }
  if (weights.empty()) return;

  device_.wait();
  const size_t columns = size_t(in.x->cols()), rows = size_t(in.x->rows());
  read(device_, in.x, x_);
  if (in.norm_weight) {
    const float *w = read(device_, in.norm_weight, norm_w_), *b = read(device_, in.norm_bias, norm_b_);
    const auto norm = call.attrs.norm == Norm::rms ? kernels().rms_norm : kernels().layer_norm;
    for (size_t row = 0; row < rows; ++row) norm(&x_[row * columns], &x_[row * columns], w, b, call.attrs.eps, columns);
  }
  // A row of x meets one expert for each of its ids that falls to it.
  const int32_t* experts = read(device_, in.experts, experts_);
  const size_t n_ids = experts ? experts_.size() : rows;
  for (const auto& [name, w] : weights) {
    Sums& sums = sums_[name];
    const size_t n_matrices = experts ? size_t(w->dim(0)) : 1;
    sums.squares.resize(n_matrices * columns);
    sums.counts.resize(n_matrices);
    for (size_t i = 0; i < n_ids; ++i) {
      const size_t matrix = experts ? size_t(experts[i]) : 0;
      const float* x = &x_[i * rows / n_ids * columns];
      double* to = &sums.squares[matrix * columns];
      for (size_t c = 0; c < columns; ++c) to[c] += double(x[c]) * double(x[c]);
      ++sums.counts[matrix];
    }
  }
}

Result<Imatrix> ImatrixCollector::finish() const {
  Imatrix out;
  for (const auto& [name, sums] : sums_) {
    ImatrixEntry& e = out.entries[std::string(name)];
    e.sums.assign(sums.squares.begin(), sums.squares.end());
    e.counts.assign(sums.counts.begin(), sums.counts.end());
    for (const float v : e.sums)
      if (!std::isfinite(v)) return fail(Code::corrupt, name, ": reads an infinity or a NaN");
  }
  return out;
}

}  // namespace synapse
