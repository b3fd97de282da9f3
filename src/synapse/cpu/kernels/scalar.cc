// The specification: plain C++ that every other variant must equal.
#include "synapse/base/compiler.h"
#include "synapse/base/half.h"
#include "synapse/cpu/kernels/fit.h"
#include "synapse/cpu/kernels/kernels.h"

namespace synapse {
namespace {

#include "synapse/cpu/kernels/simd_scalar.h"
#include "synapse/cpu/kernels/table.inl"

}  // namespace

void add_scalar(Kernels& k) { fill_table(k, "scalar"); }

}  // namespace synapse
