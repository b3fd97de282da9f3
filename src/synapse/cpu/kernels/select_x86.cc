#include "synapse/cpu/kernels/select.h"

namespace synapse {
namespace {

// Linux lets a process use tile registers once it has asked: arch_prctl(ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA). A thread's first use of
// them is then a trap, in which it gets the 8 KiB to save them. Asked by number, as this layer knows no C library; where another system
// should show AMX, this call must be its own.
bool may_use_tiles() {
  constexpr long kArchPrctl = 158, kRequestPermission = 0x1023, kTileData = 18;
  long result = kArchPrctl;
  __asm__ volatile("syscall" : "+a"(result) : "D"(kRequestPermission), "S"(kTileData) : "rcx", "r11", "memory");
  return result == 0;
}

}  // namespace

// __builtin_cpu_supports is true only where the operating system saves the registers too. Each step wants
// all steps before it.
void select(Cascade& found) {
  found.improve(add_scalar);
  __builtin_cpu_init();
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma") || !__builtin_cpu_supports("f16c")) return;
  found.improve(add_avx2);
  if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512bw") ||
      !__builtin_cpu_supports("avx512vl") || !__builtin_cpu_supports("avx512dq"))
    return;
  found.improve(add_avx512);
  if (!__builtin_cpu_supports("avx512vnni")) return;
  found.improve(add_avx512vnni);
  if (__builtin_cpu_supports("amx-tile") && __builtin_cpu_supports("amx-int8") && may_use_tiles()) found.improve(add_amx);
}

}  // namespace synapse
