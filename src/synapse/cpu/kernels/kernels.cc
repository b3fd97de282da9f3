#include "synapse/cpu/kernels/kernels.h"

#include "synapse/cpu/kernels/select.h"

namespace synapse {

std::span<const Kernels> kernel_variants() {
  static Cascade found;
  if (!found.n) select(found);
  return {found.variants, found.n};
}

const Kernels& kernels() { return kernel_variants().back(); }

const Kernels* find_kernels(std::string_view isa) {
  for (const Kernels& k : kernel_variants())
    if (isa == k.isa) return &k;
  return nullptr;
}

}  // namespace synapse
