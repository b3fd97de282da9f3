// What Linux grants this process, read from the files below `root`: "" for the real ones, a folder of
// made-up ones in tests. A file that is missing or makes no sense limits nothing.
#pragma once
#include "synapse/platform/platform.h"

namespace synapse::platform {

Resources resources_under(const char* root);

}  // namespace synapse::platform
