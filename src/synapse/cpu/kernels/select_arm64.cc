#include "synapse/cpu/kernels/select.h"

// Linux's word on the processor (man 3 getauxval): declared here, since this layer includes no system header.
extern "C" unsigned long getauxval(unsigned long type);

namespace synapse {

void select(Cascade& found) {
  constexpr unsigned long kHwcap = 16;                // AT_HWCAP
  constexpr unsigned long kDotProduct = 1UL << 20;  // HWCAP_ASIMDDP
  found.improve(add_scalar);
  found.improve(add_neon);
  if (getauxval(kHwcap) & kDotProduct) found.improve(add_neon_dotprod);
}

}  // namespace synapse
