#include "expand.h"

namespace synapse::cli {

size_t expanded_bytes(const Checkpoint& checkpoint) {
  size_t bytes = checkpoint.tensors.size() * sizeof(NamedTensor) + Arena::kAlign;
  for (const NamedTensor& named : checkpoint.tensors) bytes += named.tensor.size() * sizeof(float) + Arena::kAlign;
  return bytes;
}

Result<Checkpoint> expand_to_f32(const Source& source, const Kernels& kernels, Arena& arena) {
  Checkpoint checkpoint = source.checkpoint();
  SYN_TRY(tensors, arena.zeroed<NamedTensor>(checkpoint.tensors.size(), "expanded tensors"));
  for (size_t i = 0; i < tensors.size(); ++i) {
    const auto& [name, from] = checkpoint.tensors[i];
    const auto dequantize = kernels.formats[size_t(from.dtype)].dequantize;
    if (!dequantize) return fail(Code::unsupported, name, ": ", label(from.dtype), " is not a format we run");
    auto* values = static_cast<float*>(arena.alloc(from.size() * sizeof(float)));
    SYN_CHECK(values);
    for (int32_t row = 0; row < from.rows(); ++row) {
      dequantize(values + size_t(row) * size_t(from.cols()),
                 static_cast<const uint8_t*>(from.data) + size_t(row) * from.row_bytes(), size_t(from.cols()));
    }
    source.release({static_cast<const uint8_t*>(from.data), from.bytes()});
    Tensor to = from;
    to.data = values;
    to.dtype = DType::f32;
    size_t stride = sizeof(float);
    for (size_t dim = to.rank; dim-- > 0;) {
      to.strides[dim] = stride;
      stride *= size_t(to.dims[dim]);
    }
    tensors[i] = {name, to};
  }
  checkpoint.tensors = tensors;
  return checkpoint;
}

}  // namespace synapse::cli
