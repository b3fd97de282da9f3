// Safetensors (https://github.com/huggingface/safetensors, format section): a u64 length, a JSON header, the
// bytes. Strict as the reference: header at most 100 MB and starting with {, no duplicate names, every byte
// of the buffer in exactly one tensor.
#pragma once
#include <string>
#include <vector>

#include "synapse/base/json.h"
#include "synapse/base/sink.h"
#include "synapse/io/checkpoint.h"
#include "synapse/tensor/tensor.h"

namespace synapse {

// What a read takes from its arena at most; 0 when this is no safetensors file.
size_t safetensors_arena_bytes(std::span<const uint8_t> file);

// Views of `file` in the order of their bytes; the address of one may be less aligned than its type. Unsigned
// integers and BOOL come as the signed type of their width; a scalar as shape (1). Names lie in `file` or
// `arena`.
Result<std::vector<NamedTensor>> read_safetensors(std::span<const uint8_t> file, Arena& arena);

// model.safetensors.index.json: the files of a sharded model, each once and a plain name, and which holds
// what.
struct ShardIndex {
  std::vector<std::string> files;
  std::vector<std::pair<std::string_view, size_t>> tensors;  // name, index in files; views text or arena
};
Result<ShardIndex> read_shard_index(std::span<const uint8_t> json, Arena& arena);

// All that comes before the bytes, for tensors of float and integer formats. Then follow the bytes of each, contiguous,
// in this order, with nothing in between.
Status write_safetensors_header(Sink sink, std::span<const NamedTensor> tensors);

// Contiguous tensors in host memory.
Status write_safetensors(Sink sink, std::span<const NamedTensor> tensors);

}  // namespace synapse
