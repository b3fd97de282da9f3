// What is done to a text before it is cut into words: the steps of a TokenizerSpec, one after the other.
#pragma once
#include <span>
#include <string_view>

#include "synapse/base/arena.h"
#include "synapse/base/status.h"
#include "synapse/runtime/tokenizer.h"

namespace synapse {

// That the steps are ones we can run: texts of sensible size, and no more than kMaxGrowth bytes for one byte.
inline constexpr size_t kMaxGrowth = 64;
Status check_normalizers(std::span<const Normalizer> steps);

// The text after all steps: a view of `text` when nothing changed, else of the arena, which gives
// normalize_bytes(steps, text.size()) at most.
Result<std::string_view> normalize(std::span<const Normalizer> steps, std::string_view text, Arena& arena);
size_t normalize_bytes(std::span<const Normalizer> steps, size_t text_bytes);
size_t normalized_size(std::span<const Normalizer> steps, size_t text_bytes);  // of the result, at most

}  // namespace synapse
