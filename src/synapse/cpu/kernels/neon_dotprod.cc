#include <arm_neon.h>

#include "synapse/base/compiler.h"
#include "synapse/base/half.h"
#include "synapse/cpu/kernels/kernels.h"

namespace synapse {
namespace {

#include "synapse/cpu/kernels/simd_neon.h"
#include "synapse/cpu/kernels/dot_neon_dotprod.h"
#include "synapse/cpu/kernels/formats.inl"
#include "synapse/cpu/kernels/tile.inl"
#include "synapse/cpu/kernels/packed_row.inl"
#include "synapse/cpu/kernels/peak.inl"

}  // namespace

void add_neon_dotprod(Kernels& k) {
  k.isa = "neon_dotprod";
  k.peak_bytes = peak_bytes;
  fill_dots(k.formats);
  fill_packed_rows(k.formats);
}

}  // namespace synapse
