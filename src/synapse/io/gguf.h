// Reads GGUF versions 2 and 3, little-endian (https://github.com/ggml-org/ggml/blob/master/docs/gguf.md).
// Every count, offset and product is proven against the bytes given before anything is allocated.
#pragma once
#include "synapse/io/checkpoint.h"

namespace synapse {

// One file, or the parts of a split one (name-00001-of-0000N.gguf) in order. The Checkpoint views
// `parts`; its tables lie in `arena`. Tensor data is not touched.
Result<Checkpoint> read_gguf(std::span<const std::span<const uint8_t>> parts, Arena& arena);

// The most that read_gguf takes from its arena for these parts: lets a caller size it. 0 when they
// are not GGUF at all.
size_t gguf_arena_bytes(std::span<const std::span<const uint8_t>> parts);

// Whether a file begins as GGUF does, in either byte order.
bool has_gguf_magic(std::span<const uint8_t> file);

// Number of parts a file belongs to (metadata split.count), 1 for a whole one.
Result<int32_t> gguf_split_count(std::span<const uint8_t> first_part);

}  // namespace synapse
