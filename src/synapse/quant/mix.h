// Mixes: a name like Q4_K_M stands for a rule that gives every tensor of a model its format. The rules are those of
// llama-quantize, so that a file is the size that its name promises; tests/golden/quantize_types.json holds what that
// program chose for models of many shapes.
#pragma once
#include <optional>
#include <regex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "synapse/io/checkpoint.h"

namespace synapse {

struct Mix {
  std::string_view name;
  std::optional<uint32_t> file_type;  // general.file_type; none for formats of our own
  DType dtype;         // of a tensor that no rule speaks of
  std::string_view about;
};
std::span<const Mix> mixes();
const Mix* find_mix(std::string_view name);  // in any case; Q3_K, Q4_K and Q5_K are their M; null when there is none

struct MixOptions {
  const Mix* mix = nullptr;
  bool pure = false;         // mix->dtype for every matrix, as far as its rows allow
  bool has_imatrix = false;  // some rules ask
  std::vector<std::pair<std::regex, DType>> tensor_types;  // of the tensors whose name it matches; the first counts
  std::optional<DType> output, token_embedding;            // of output.weight and token_embd.weight
};

struct Choice {
  DType dtype;             // the source's own where the tensor is not to be quantised
  std::string_view why;    // "" for the usual; else a remark on what was wanted and could not be
};

// Of every tensor, in the order of the checkpoint. Rows that are not whole blocks of a format get the next larger one
// of 32 elements, or F16. Vectors become F32.
std::vector<Choice> choose_formats(const Checkpoint& checkpoint, const MixOptions& options);

}  // namespace synapse
