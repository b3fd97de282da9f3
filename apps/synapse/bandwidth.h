// How fast this machine reads memory: the limit of generating text one token at a time.
#pragma once
#include <string>

#include "synapse/platform/threads.h"

namespace synapse::cli {

struct Bandwidth {
  double bytes_per_second = 0;  // the fastest of several passes; 0 when there was no memory to read
  std::string how;
};

// Takes about 0.3 s and at most a quarter of the `available` bytes.
Bandwidth measure_read_bandwidth(platform::ThreadPool& threads, size_t available);

}  // namespace synapse::cli
