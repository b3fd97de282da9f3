// config.json and generation_config.json of a Hugging Face model -> metadata under GGUF's keys. Numbers are
// checked where they enter: a fault names the key, what was found and what was wanted.
#pragma once
#include <deque>
#include <string>
#include <vector>

#include "synapse/base/faults.h"
#include "synapse/import/hf_values.h"
#include "synapse/import/weight_map.h"

namespace synapse {

struct HfConfig {
  std::vector<MetaEntry> metadata;
  int32_t n_layers = 0;
  struct Vector {
    std::string_view name;
    std::vector<float> values;
  };
  std::vector<Vector> vectors;  // rope_freqs.weight (llama3 scaling), rope_factors_{long,short}.weight (longrope)
};

// Well-formed but not run here (rope types, quantised checkpoints, activations) is a Status; what is wrong
// goes to `faults`. `generation` may be null. Keys and arrays go to `texts` and `arena`; `values` learns the numbers that
// stand in for absent keys.
Result<HfConfig> read_hf_config(const WeightMap& map, HfValues& values, JsonValue generation,
                                std::deque<std::string>& texts, Arena& arena, Faults& faults);

// The error of weights in a quantised form that is not read: its method, bits and groups by name.
Status refuse_quantization(std::string_view where, JsonValue config);

// The llama3 scheme: long wavelengths are stretched by `factor`, short ones kept, those between interpolated.
struct Llama3Scaling {
  double factor, low_freq_factor, high_freq_factor, original_positions;
};
std::vector<float> llama3_rope_freqs(double theta, int32_t n_rot, const Llama3Scaling& scaling);

}  // namespace synapse
