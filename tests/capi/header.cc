// Compiled as C++11 with every warning an error.
#include "synapse.h"

int32_t header_abi_version_of_cxx() { return SYN_ABI_VERSION; }
