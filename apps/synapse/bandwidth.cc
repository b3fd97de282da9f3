#include "bandwidth.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "output.h"
#include "synapse/platform/platform.h"

namespace synapse::cli {
namespace {

constexpr size_t kMostBytes = size_t(256) << 20;
constexpr size_t kStreams = 8;  // read side by side, as kernels read rows of weights
constexpr double kSeconds = 0.25;
constexpr uint64_t kWord = 0x0101010101010101;  // what the memory is filled with

// The sum of the words of a part, read as kStreams sequences at once.
uint64_t read_part(const uint64_t* words, size_t n) {
  const size_t stride = n / kStreams;
  uint64_t sums[kStreams] = {};
  for (size_t i = 0; i < stride; i += 8) {
    for (size_t s = 0; s < kStreams; ++s) {
      const uint64_t* line = words + s * stride + i;
      __builtin_prefetch(line + 128);
      for (size_t k = 0; k < 8; ++k) sums[s] += line[k];
    }
  }
  return sums[0] + sums[1] + sums[2] + sums[3] + sums[4] + sums[5] + sums[6] + sums[7];
}

}  // namespace

Bandwidth measure_read_bandwidth(platform::ThreadPool& threads, size_t available) {
  const int32_t n = threads.size();
  const size_t unit = 64 * kStreams;
  const size_t part = std::min(kMostBytes, available / 4) / size_t(n) / unit * unit;
  Result<platform::Reservation> memory = platform::Reservation::make(part * size_t(n));
  if (part == 0 || !memory.ok()) return {};
  uint8_t* const bytes = memory->bytes().data();
  threads.for_each(n, [&](int32_t item, int32_t) { std::memset(bytes + size_t(item) * part, 1, part); });

  double best = 0;
  int n_passes = 0;
  std::vector<uint64_t> sums(static_cast<size_t>(n));
  const double start = platform::seconds();
  for (double now = start; now - start < kSeconds || n_passes < 2; ++n_passes) {
    threads.for_each(n, [&](int32_t item, int32_t) {
      sums[size_t(item)] = read_part(reinterpret_cast<const uint64_t*>(bytes + size_t(item) * part), part / 8);
    });
    const double end = platform::seconds();
    best = std::max(best, double(part) * n / (end - now));
    now = end;
  }
  for (uint64_t sum : sums) SYN_CHECK(sum == part / 8 * kWord);
  return {best, "best of " + std::to_string(n_passes) + " passes over " + human_bytes(part * size_t(n)) + ", " +
                    std::to_string(n) + " threads of " + std::to_string(kStreams) + " streams"};
}

}  // namespace synapse::cli
