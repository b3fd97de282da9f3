// tokenizer.model: a SentencePiece model (https://github.com/google/sentencepiece,
// sentencepiece_model.proto). Read are the pieces with scores and types, the ids of the special ones, and the
// rules; what the engine's tokenizers do not do exactly is refused by name.
#pragma once
#include <cstdint>
#include <span>

#include "synapse/base/arena.h"
#include "synapse/base/status.h"
#include "synapse/runtime/tokenizer.h"

namespace synapse {

// The spec views `bytes` and `arena`. BOS stands before a text, where the model has one; a
// tokenizer_config.json may say otherwise.
Result<TokenizerSpec> read_sentencepiece(std::span<const uint8_t> bytes, Arena& arena);
size_t sentencepiece_arena_bytes(std::span<const uint8_t> bytes);  // the most it takes

}  // namespace synapse
