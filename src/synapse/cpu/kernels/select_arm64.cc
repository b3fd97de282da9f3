#include <sys/auxv.h>

#include "synapse/cpu/kernels/select.h"

namespace synapse {

void select(Cascade& found) {
  constexpr unsigned long kDotProduct = 1UL << 20;  // HWCAP_ASIMDDP
  found.improve(add_scalar);
  found.improve(add_neon);
  if (getauxval(AT_HWCAP) & kDotProduct) found.improve(add_neon_dotprod);
}

}  // namespace synapse
