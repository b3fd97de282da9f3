#include <immintrin.h>

#include "synapse/base/compiler.h"
#include "synapse/base/half.h"
#include "synapse/cpu/kernels/fit.h"
#include "synapse/cpu/kernels/kernels.h"

namespace synapse {
namespace {

#include "synapse/cpu/kernels/simd_avx2.h"
#include "synapse/cpu/kernels/table.inl"
#include "synapse/cpu/kernels/packed_row.inl"

}  // namespace

void add_avx2(Kernels& k) {
  fill_table(k, "avx2");
  fill_packed_rows(k.formats);
}

}  // namespace synapse
