// How fast this machine reads memory: the limit of generating text one token at a time.
#pragma once
#include <span>
#include <string>
#include <vector>

#include "synapse/cpu/kernels/kernels.h"
#include "synapse/platform/threads.h"

namespace synapse::cli {

using Bytes = std::span<const uint8_t>;

// Reads memory as fast as it can: pieces handed out to the threads in order, each read as several streams side by side.
class ReadKernel {
 public:
  // The parts must outlive it; what is no multiple of 512 bytes at the end of one is left out.
  ReadKernel(const Kernels& kernels, const std::vector<Bytes>& parts);
  size_t bytes() const { return bytes_; }      // of one pass
  double pass(platform::ThreadPool& threads);  // reads all of it once: seconds

 private:
  const Kernels& kernels_;
  std::vector<Bytes> pieces_;
  std::vector<int32_t> sums_;  // by piece, so that nothing is read in vain
  size_t bytes_ = 0;
};

struct Bandwidth {
  double bytes_per_second = 0;  // the median of several passes; 0 when there was no memory to read
  std::string how;
};

// Takes about 0.3 s and at most a quarter of the `available` bytes.
Bandwidth measure_read_bandwidth(const Kernels& kernels, platform::ThreadPool& threads, size_t available);

double median(std::vector<double> values);  // REQUIRES at least one

}  // namespace synapse::cli
