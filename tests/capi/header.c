/* Compiled as C99 with every warning an error. */
#include "synapse.h"

int32_t header_abi_version(void);
int32_t header_abi_version(void) { return SYN_ABI_VERSION; }
