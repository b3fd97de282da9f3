// A Tensor is a view: an address on some device, a format and up to 4 dims. It owns nothing, copies
// freely, and a quantised one is no special case: its dtype says so. Only a Device may dereference
// `data`; hosts go through Device::read and Device::write.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>

#include "synapse/base/dtype.h"
#include "synapse/base/status.h"

namespace synapse {

using Shape = std::array<int32_t, 4>;  // outermost first; unused trailing dims are 0

struct Tensor {
  void* data = nullptr;  // device address
  DType dtype = DType::f32;
  uint8_t rank = 0;
  uint32_t id = 0;             // the recorder's name for it; 0: not recorded
  Shape dims = {};             // elements; the last dim is contiguous
  size_t strides[4] = {};      // bytes from one index of a dim to the next; the last is unused

  int32_t dim(int i) const { return i < 0 ? dims[size_t(rank + i)] : dims[size_t(i)]; }
  int32_t cols() const { return rank ? dims[size_t(rank - 1)] : 0; }
  int32_t rows() const {  // product of all dims but the last
    int32_t n = rank ? 1 : 0;
    for (size_t i = 0; i + 1 < rank; ++i) n *= dims[i];
    return n;
  }
  size_t size() const { return size_t(rows()) * size_t(cols()); }  // elements
  size_t row_bytes() const { return synapse::row_bytes(dtype, cols()); }
  size_t bytes() const { return size_t(rows()) * row_bytes(); }    // of a contiguous copy
  bool empty() const { return rank == 0; }
  bool contiguous() const;
  Dims shape() const { return {dims.data(), rank}; }
};

// A contiguous view of `data`. The row must be whole blocks.
Tensor make_tensor(void* data, DType dtype, std::initializer_list<int32_t> dims);

bool same_shape(const Tensor& a, const Tensor& b);

}  // namespace synapse
