#include <wasm_simd128.h>

#include "synapse/base/compiler.h"
#include "synapse/base/half.h"
#include "synapse/cpu/kernels/fit.h"
#include "synapse/cpu/kernels/kernels.h"

namespace synapse {
namespace {

#include "synapse/cpu/kernels/simd_wasm128.h"
#include "synapse/cpu/kernels/table.inl"

}  // namespace

void add_wasm128(Kernels& k) { fill_table(k, "wasm128"); }

}  // namespace synapse
