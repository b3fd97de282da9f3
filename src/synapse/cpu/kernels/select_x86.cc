#include "synapse/cpu/kernels/select.h"

namespace synapse {

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
  if (__builtin_cpu_supports("avx512vnni")) found.improve(add_avx512vnni);
}

}  // namespace synapse
