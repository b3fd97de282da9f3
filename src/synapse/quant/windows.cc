#include "synapse/quant/windows.h"

#include <algorithm>

namespace synapse {

Result<std::vector<Window>> half_windows(int64_t n_ids, int32_t n_ctx, int64_t most) {
  if (n_ctx < 4) return fail(Code::invalid, "window: ", n_ctx, " tokens, wanted at least 4");
  if (n_ids < n_ctx) return fail(Code::invalid, "text: ", n_ids, " tokens, a window has ", n_ctx);
  std::vector<Window> windows;
  const int64_t n = n_ids / n_ctx;
  for (int64_t i = 0; i < (most ? std::min(n, most) : n); ++i) windows.push_back({i * n_ctx, n_ctx, n_ctx / 2 + 1});
  return windows;
}

Result<std::vector<Window>> sliding_windows(int64_t n_ids, int32_t n_ctx, int32_t stride, int64_t most) {
  if (stride < 1 || stride > n_ctx) return fail(Code::invalid, "stride: ", stride, ", wanted 1 to the window, ", n_ctx);
  if (n_ids < 2) return fail(Code::invalid, "text: ", n_ids, " tokens, wanted at least 2");
  std::vector<Window> windows;
  int64_t seen = 1;  // ids scored, or the first one
  for (int64_t first = 0; seen < n_ids && (!most || int64_t(windows.size()) < most); first += stride) {
    const int64_t end = std::min(first + n_ctx, n_ids);
    windows.push_back({first, int32_t(end - first), int32_t(std::max<int64_t>(seen - first, 1))});
    seen = end;
  }
  return windows;
}

}  // namespace synapse
