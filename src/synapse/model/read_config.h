// Metadata -> Config, every number checked.
#pragma once
#include "synapse/base/faults.h"
#include "synapse/base/json.h"
#include "synapse/io/checkpoint.h"
#include "synapse/nn/config.h"

namespace synapse {

// `wiring` is the family's model.json. Its "defaults" stand in for keys that the metadata lacks: {"rope.freq_base": 1e6};
// "variants" is a list of such objects, each for the models whose "block_count" it names.
Config read_config(const Checkpoint& checkpoint, JsonValue wiring, Faults& faults);

}  // namespace synapse
