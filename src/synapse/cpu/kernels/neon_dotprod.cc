#include <arm_neon.h>

#include "synapse/base/compiler.h"
#include "synapse/cpu/kernels/kernels.h"

namespace synapse {
namespace {

#include "synapse/cpu/kernels/simd_neon.h"
#include "synapse/cpu/kernels/dot_neon_dotprod.h"
#include "synapse/cpu/kernels/tile.inl"

}  // namespace

void add_neon_dotprod(Kernels& k) {
  k.isa = "neon_dotprod";
  fill_dots(k.formats);
}

}  // namespace synapse
