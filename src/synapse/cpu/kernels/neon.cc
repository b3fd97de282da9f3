#include <arm_neon.h>

#include "synapse/base/compiler.h"
#include "synapse/base/half.h"
#include "synapse/cpu/kernels/fit.h"
#include "synapse/cpu/kernels/kernels.h"

namespace synapse {
namespace {

#include "synapse/cpu/kernels/simd_neon.h"
#include "synapse/cpu/kernels/dot_neon.h"
#include "synapse/cpu/kernels/table.inl"

}  // namespace

void add_neon(Kernels& k) { fill_table(k, "neon"); }

}  // namespace synapse
