#include "op_digests.h"

#include "hex.h"
#include "op_cases.h"
#include "synapse/cpu/cpu_device.h"
#include "synapse/platform/platform.h"

namespace synapse::conformance {

int32_t run_op_cases() {
  auto memory = platform::Reservation::make(op_cases::kArenaBytes);
  auto one = platform::ThreadPool::create(1), several = platform::ThreadPool::create(3);
  if (!memory.ok() || !one.ok() || !several.ok()) return platform::log_line("no memory or no threads"), 1;
  Arena arena(memory->bytes().data(), memory->bytes().size());

  int32_t passed = 0, failed = 0;
  for (const op_cases::OpCase& c : op_cases::all()) {
    if (!c.attrs.exact) continue;
    CpuDevice scalar(kernel_variants()[0], **one);
    const uint64_t wanted = op_cases::run(c, scalar, arena);
    for (const Kernels& k : kernel_variants())
      for (platform::ThreadPool* pool : {*one, *several}) {
        CpuDevice device(k, *pool);
        const uint64_t got = op_cases::run(c, device, arena);
        ++(got == wanted ? passed : failed);
        if (got != wanted)
          platform::log_line(Text<160>("FAILED ", c.name, " on ", k.isa, ": ", hex(got).view(), ", scalar ", hex(wanted).view()));
      }
    platform::log_line(Text<128>("digest op.", c.name, " ", hex(wanted).view()));
  }
  platform::log_line(Text<64>("operations: ", passed, " passed, ", failed, " failed"));
  platform::ThreadPool::destroy(*one), platform::ThreadPool::destroy(*several);
  return failed;
}

}  // namespace synapse::conformance
