// Reads rwkv_vocab_v20230424.txt, the vocabulary of RWKV's "world" models: a line for each token, its id, its bytes as a
// Python literal ('text' or b'bytes'), and how many bytes they are. Id 0 has no line: it ends a text.
#pragma once
#include <cstdint>
#include <span>

#include "synapse/base/arena.h"
#include "synapse/base/status.h"
#include "synapse/runtime/tokenizer.h"

namespace synapse {

// The spec lies in `arena`, which gives rwkv_vocab_arena_bytes() at most.
Result<TokenizerSpec> read_rwkv_vocab(std::span<const uint8_t> bytes, Arena& arena);
size_t rwkv_vocab_arena_bytes(std::span<const uint8_t> bytes);

}  // namespace synapse
