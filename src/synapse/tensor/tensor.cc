#include "synapse/tensor/tensor.h"

namespace synapse {

bool Tensor::contiguous() const {
  size_t step = row_bytes();
  for (int i = rank - 2; i >= 0; --i) {
    if (dims[size_t(i)] > 1 && strides[i] != step) return false;
    step *= size_t(dims[size_t(i)]);
  }
  return true;
}

Tensor make_tensor(void* data, DType dtype, std::initializer_list<int32_t> dims) {
  SYN_CHECK(dims.size() >= 1 && dims.size() <= 4);
  Tensor t;
  t.data = data, t.dtype = dtype, t.rank = uint8_t(dims.size());
  size_t i = 0;
  for (int32_t d : dims) {
    SYN_CHECK(d >= 0);
    t.dims[i++] = d;
  }
  SYN_CHECK(t.cols() % info(dtype).block_elements == 0);
  size_t step = t.row_bytes();
  for (int k = t.rank - 2; k >= 0; --k) t.strides[k] = step, step *= size_t(t.dims[size_t(k)]);
  return t;
}

bool same_shape(const Tensor& a, const Tensor& b) { return a.rank == b.rank && a.dims == b.dims; }

}  // namespace synapse
