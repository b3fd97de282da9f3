// Metadata -> Config, every number checked.
#pragma once
#include "synapse/base/faults.h"
#include "synapse/io/checkpoint.h"
#include "synapse/nn/config.h"

namespace synapse {

Config read_config(const Checkpoint& checkpoint, Faults& faults);

}  // namespace synapse
