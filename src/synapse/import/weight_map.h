// models/<family>/weights.json: how a Hugging Face model of this family gets GGUF's names.
//
//   hf_model_types       the model_type values of config.json that it reads
//   gguf_architectures   what general.architecture becomes (the first); {arch} below
//   expect               config key -> the values it may have; absent or null is fine, another value is
//   refused metadata             config key -> {"to": GGUF key, "type": "u32" | "f32", "default": config key
//   to use when absent} tensors              name -> GGUF name, or {"to", "transform", "heads", "optional",
//   "unless"}; {i} runs over the layers ignore               names that carry no weights, such as rotary
//   buffers
//
// A tensor must be there unless "optional" is true or the config flag that "unless" names is true.
// Transforms:
//   rope_permute   in each of "heads" (a config key) heads, rows from halves (i, i + D/2) to pairs (2i, 2i +
//   1), the order
//                  in which GGUF keeps llama's q and k
#pragma once
#include <deque>
#include <string>
#include <vector>

#include "synapse/base/faults.h"
#include "synapse/base/json.h"
#include "synapse/io/checkpoint.h"

namespace synapse {

struct WeightMap {
  JsonValue root;  // weights.json
  std::string_view architecture;

  // The map of the family that reads `model_type`; an unknown one is named beside those that are known.
  static Result<WeightMap> of(std::string_view model_type, Arena& arena);
};

// Whether `name` is `pattern` with {i} a decimal number, which `layer` becomes; -1 for a pattern without {i}.
bool match_name(std::string_view pattern, std::string_view name, int32_t& layer);

// The tensors under GGUF names: views, or copies in `arena` where a transform, a vector that becomes f32 or
// an odd address wants one. Names go to `texts`. Notes every tensor that is missing, unknown or misshapen.
std::vector<NamedTensor> map_tensors(const WeightMap& map, JsonValue config, int32_t n_layers,
                                     std::span<const NamedTensor> from, std::deque<std::string>& texts,
                                     Arena& arena, Faults& faults);

}  // namespace synapse
