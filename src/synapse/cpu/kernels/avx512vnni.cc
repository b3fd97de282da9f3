#include <immintrin.h>

#include "synapse/base/compiler.h"
#include "synapse/base/half.h"
#include "synapse/cpu/kernels/kernels.h"

namespace synapse {
namespace {

#include "synapse/cpu/kernels/simd_avx512.h"
#include "synapse/cpu/kernels/dot_vnni.h"
#include "synapse/cpu/kernels/formats.inl"
#include "synapse/cpu/kernels/tile.inl"
#include "synapse/cpu/kernels/packed_row.inl"
#include "synapse/cpu/kernels/peak.inl"

}  // namespace

void add_avx512vnni(Kernels& k) {
  k.isa = "avx512vnni";
  k.peak_bytes = peak_bytes;
  fill_dots(k.formats);
  fill_packed_rows(k.formats);
}

}  // namespace synapse
