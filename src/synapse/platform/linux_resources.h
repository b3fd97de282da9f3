// What Linux grants this process, read from the files below `root`: "" for the real ones, a folder of
// made-up ones in tests. A file that is missing or makes no sense limits nothing.
#pragma once
#include "synapse/platform/platform.h"

namespace synapse::platform {

Resources resources_under(const char* root);

// Logical processors in the affinity mask of the caller: the first of every core, then the others.
struct Processors {
  static constexpr int32_t kMost = 8192;
  int32_t n = 0, n_cores = 0;
  int32_t cpu[kMost];
};
Processors processors_under(const char* root);

}  // namespace synapse::platform
