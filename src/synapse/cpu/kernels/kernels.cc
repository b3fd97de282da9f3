#include "synapse/cpu/kernels/kernels.h"

#include "synapse/base/compiler.h"
#include "synapse/cpu/kernels/select.h"

namespace synapse {

std::span<const Kernels> kernel_variants() {
  static Cascade found;
  enum State : int32_t { kUntouched, kBeingFilled, kReady };
  static int32_t state = kUntouched;
  while (__atomic_load_n(&state, __ATOMIC_ACQUIRE) != kReady) {
    int32_t expected = kUntouched;
    if (__atomic_compare_exchange_n(&state, &expected, kBeingFilled, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
      select(found);
      __atomic_store_n(&state, kReady, __ATOMIC_RELEASE);
    } else {
      SYN_SPIN_PAUSE();
    }
  }
  return {found.variants, found.n};
}

const Kernels& kernels() { return kernel_variants().back(); }

const Kernels* find_kernels(std::string_view isa) {
  for (const Kernels& k : kernel_variants())
    if (isa == k.isa) return &k;
  return nullptr;
}

}  // namespace synapse
