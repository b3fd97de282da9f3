// How a text is cut for measuring: the two protocols that published perplexities follow.
#pragma once
#include <cstdint>
#include <vector>

#include "synapse/base/status.h"

namespace synapse {

struct Window {
  int64_t first = 0;       // of its ids in the text
  int32_t n = 0;
  int32_t score_from = 1;  // ids score_from .. n-1 of the window are scored, each after those before it
};

// As llama.cpp's perplexity: windows of n_ctx ids one behind the other, the last incomplete one left out; the second
// half of each is scored, but for its first id. In each the first id is replaced by BOS where the tokenizer adds one.
// At most `most` windows; 0: all.
Result<std::vector<Window>> half_windows(int64_t n_ids, int32_t n_ctx, int64_t most);

// As in Hugging Face's guide: windows of n_ctx ids that begin every `stride`, up to the end of the text; of each those
// ids are scored that no window before it had, but for the first of the window, which nothing goes before.
Result<std::vector<Window>> sliding_windows(int64_t n_ids, int32_t n_ctx, int32_t stride, int64_t most);

}  // namespace synapse
