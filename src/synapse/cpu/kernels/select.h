// Which variants this CPU can run, best last. One file per kind of CPU defines `select`: select_x86.cc,
// select_arm64.cc, select_wasm.cc or select_none.cc.
#pragma once
#include "synapse/cpu/kernels/kernels.h"

namespace synapse {

struct Cascade {
  Kernels variants[5];
  size_t n;

  // Adds a copy of the last variant with the entries that `add` does better.
  void improve(void (*add)(Kernels&)) {
    if (n) variants[n] = variants[n - 1];
    add(variants[n++]);
  }
};

void select(Cascade& found);

}  // namespace synapse
