#include "synapse/nn/weights.h"

#include <algorithm>

namespace synapse {

Weights Weights::scope(std::string_view prefix) const {
  Weights w = *this;
  w.prefix_ = Text<64>(prefix_.view(), prefix);
  return w;
}

NamedWeight* Weights::look(std::string_view name) const {
  const Text<128> full(prefix_.view(), name);
  const auto it = std::lower_bound(table_.begin(), table_.end(), full.view(),
                                   [](const NamedWeight& w, std::string_view wanted) { return w.name < wanted; });
  return it != table_.end() && it->name == full.view() ? &*it : nullptr;
}

Tensor Weights::checked(NamedWeight& weight, std::initializer_list<int32_t> dims) const {
  weight.used = true;
  const Dims wanted{dims.begin(), dims.size()};
  const Tensor& t = weight.tensor;
  if (t.rank == dims.size() && std::equal(dims.begin(), dims.end(), t.dims.begin())) return t;
  faults_->add(weight.name, ": shape ", t.shape(), ", config wants ", wanted);
  return {};
}

Tensor Weights::get(std::string_view name, std::initializer_list<int32_t> dims) const {
  NamedWeight* weight = look(name);
  if (weight) return checked(*weight, dims);
  faults_->add(prefix_.view(), name, ": missing, wanted ", Dims{dims.begin(), dims.size()});
  return {};
}

Tensor Weights::find(std::string_view name, std::initializer_list<int32_t> dims) const {
  NamedWeight* weight = look(name);
  return weight ? checked(*weight, dims) : Tensor{};
}

Tensor Weights::find_row(std::string_view name, int32_t n) const {
  NamedWeight* weight = look(name);
  if (!weight) return {};
  const Tensor t = weight->tensor.rank == 1 ? checked(*weight, {n}) : checked(*weight, {1, n});
  return t.empty() ? t : make_tensor(t.data, t.dtype, {1, n});
}

Tensor Weights::find_vector(std::string_view name, int32_t n) const {
  const Tensor t = find(name, {n});
  if (t.empty() || t.dtype == DType::f32) return t;
  faults_->add(prefix_.view(), name, ": ", label(t.dtype), ", wanted F32");
  return {};
}

Tensor Weights::get_any(std::string_view name, int32_t n) const {
  NamedWeight* weight = look(name);
  if (!weight) return faults_->add(prefix_.view(), name, ": missing, wanted ", n, " elements"), Tensor{};
  weight->used = true;
  const Tensor& t = weight->tensor;
  if (t.size() != size_t(n)) return faults_->add(weight->name, ": shape ", t.shape(), ", config wants ", n, " elements"), Tensor{};
  if (t.dtype == DType::f32) return t;
  faults_->add(prefix_.view(), name, ": ", label(t.dtype), ", wanted F32");
  return {};
}

void Weights::ignore(std::string_view name) const {
  if (NamedWeight* weight = look(name)) weight->used = true;
}

Tensor Weights::get_vector(std::string_view name, int32_t n) const {
  const Tensor t = get(name, {n});
  if (t.empty() || t.dtype == DType::f32) return t;
  faults_->add(prefix_.view(), name, ": ", label(t.dtype), ", wanted F32");
  return {};
}

}  // namespace synapse
