// Checkpoints of rwkv.cpp (https://github.com/RWKV/rwkv.cpp, docs/FILE_FORMAT.md), version 101, holding an RWKV-7 model:
// a header of six int32 (magic, version, vocabulary, embedding, layers, format), then tensors to the end of the file, each
// of three int32 (dims, bytes of its name, format), the dims innermost first, the name, the data. Nothing is aligned.
#pragma once
#include "synapse/io/checkpoint.h"
#include "synapse/runtime/tokenizer.h"

namespace synapse {

bool has_rwkv_magic(std::span<const uint8_t> file);

// An rwkv7 under GGUF's names. Matrices are views of `file`, name too; vectors are copied to f32 in `arena`.
Result<Checkpoint> read_rwkv_bin(std::span<const uint8_t> file, std::string_view name, Arena& arena);
Result<size_t> rwkv_bin_arena_bytes(std::span<const uint8_t> file);  // the most it takes; what is no such file is an error

// The tokenizer of a model whose 256 tokens are the bytes.
Result<TokenizerSpec> byte_tokenizer(Arena& arena);
inline constexpr size_t kByteTokenizerArenaBytes = size_t(16) << 10;

}  // namespace synapse
