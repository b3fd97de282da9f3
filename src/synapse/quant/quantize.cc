#include "synapse/quant/quantize.h"

#include <algorithm>
#include <cmath>

#include "synapse/cpu/kernels/fit.h"
#include "synapse/cpu/kernels/kernels.h"

namespace synapse {
namespace {

constexpr float kMostF16 = 65504;

}  // namespace

Status quantize_rows(DType dtype, std::span<uint8_t> out, const float* x, int64_t n_rows, int64_t n_cols,
                     const float* importance) {
  const auto quantize = kernels().formats[size_t(dtype)].quantize;
  if (!quantize) return fail(Code::unsupported, "quantize: no quantiser for ", label(dtype));
  if (n_rows < 0 || n_cols < 0 || n_cols % info(dtype).block_elements)
    return fail(Code::invalid, "quantize: rows of ", n_cols, " numbers, ", label(dtype), " wants a multiple of ",
                info(dtype).block_elements);
  const size_t row = row_bytes(dtype, n_cols);
  if (out.size() != size_t(n_rows) * row)
    return fail(Code::invalid, "quantize: ", out.size(), " bytes for ", n_rows, " rows of ", row);
  const float most = dtype == DType::f32 || dtype == DType::bf16 ? INFINITY : kMostF16;
  for (int64_t i = 0; i < n_rows * n_cols; ++i)
    if (!std::isfinite(x[i]) || std::fabs(x[i]) > most)
      return fail(Code::unsupported, "quantize: row ", i / n_cols, ", column ", i % n_cols, ": ", double(x[i]), ", ", label(dtype),
                  most == kMostF16 ? " holds numbers up to 65504" : " wants a finite number");
  for (int64_t i = 0; importance && i < n_cols; ++i)
    if (!(importance[i] >= 0 && importance[i] < INFINITY))
      return fail(Code::invalid, "quantize: importance of column ", i, " is ", double(importance[i]));
  for (int64_t i = 0; i < n_rows; ++i) {
    uint8_t* to = out.data() + size_t(i) * row;
    if (importance && can_fit(dtype)) {
      fit_blocks(dtype, to, x + i * n_cols, importance, size_t(n_cols));
    } else {
      quantize(to, x + i * n_cols, size_t(n_cols));
    }
  }
  return {};
}

}  // namespace synapse
