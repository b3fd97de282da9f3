// Reads Hugging Face's tokenizer.json and tokenizer_config.json. Only what the engine's tokenizers do exactly as
// the library that wrote the file; everything else is refused by name.
#pragma once
#include <cstdint>
#include <span>

#include "synapse/base/arena.h"
#include "synapse/base/status.h"
#include "synapse/runtime/tokenizer.h"

namespace synapse {

// Byte-level BPE (GPT-2, Llama 3, Qwen, CLIP and the like), SentencePiece BPE (Llama 2, Mistral, Gemma), Unigram and
// WordPiece (BERT). The spec views `bytes` and `arena`.
Result<TokenizerSpec> read_tokenizer_json(std::span<const uint8_t> bytes, Arena& arena);

// The most that read_tokenizer_json takes from its arena.
size_t tokenizer_json_arena_bytes(std::span<const uint8_t> bytes);

// Adds what tokenizer_config.json knows: the ids of bos, eos and pad, and, where tokenizer.json has no template of
// its own, which of them stand around a text (add_bos_token, add_eos_token).
Status apply_tokenizer_config(std::span<const uint8_t> bytes, TokenizerSpec& spec, Arena& arena);

}  // namespace synapse
