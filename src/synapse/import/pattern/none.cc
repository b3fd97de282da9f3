#include "synapse/import/pattern_engine.h"

namespace synapse {

const PatternEngine* pattern_engine() { return nullptr; }

}  // namespace synapse
