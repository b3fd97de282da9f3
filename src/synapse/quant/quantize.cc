#include "synapse/quant/quantize.h"

#include <cstring>

#include "synapse/cpu/kernels/kernels.h"

namespace synapse {

Status quantize_rows(DType dtype, std::span<uint8_t> out, const float* x, int64_t n_rows, int64_t n_cols, const float*) {
  const auto quantize = kernels().formats[size_t(dtype)].quantize;
  if (!quantize) return fail(Code::unsupported, label(dtype), ": no quantiser");
  SYN_CHECK(out.size() == size_t(n_rows) * row_bytes(dtype, n_cols));
  quantize(out.data(), x, size_t(n_rows * n_cols));
  return {};
}

}  // namespace synapse
