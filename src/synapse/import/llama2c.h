// llama2.c checkpoints (https://github.com/karpathy/llama2.c, export.py) and their tokenizer.bin.
//
// Version 0 is 7 int32 (dim, hidden_dim, n_layers, n_heads, n_kv_heads, vocab_size, seq_len; a negative
// vocab_size means that the head is a matrix of its own) and float32 weights, recognised by its exact size.
// Version 1 begins with "ak42" and a header of 256 bytes. Version 2 keeps int8 with a float32 scale a group,
// which no format of ours holds exactly: refused.
#pragma once
#include "synapse/io/checkpoint.h"
#include "synapse/runtime/tokenizer.h"

namespace synapse {

// Whether a file begins as version 1 or later does. Version 0 has no mark.
bool has_llama2c_magic(std::span<const uint8_t> file);

// A llama under GGUF's names; RoPE turns neighbouring pairs in both. Tensors are views of `file`, name too;
// the tables lie in `arena`. The tokenizer is a file of its own.
Result<Checkpoint> read_llama2c(std::span<const uint8_t> file, std::string_view name, Arena& arena);
inline constexpr size_t kLlama2cArenaBytes = size_t(8) << 20;  // the most that read_llama2c takes

// tokenizer.bin: the longest token's length, then of each token a float32 score, its length and its bytes, in
// which spaces stand for U+2581. `vocab_size` tokens are wanted.
Result<TokenizerSpec> read_llama2c_tokenizer(std::span<const uint8_t> file, int32_t vocab_size, Arena& arena);
size_t llama2c_tokenizer_arena_bytes(std::span<const uint8_t> file);  // the most it takes

}  // namespace synapse
