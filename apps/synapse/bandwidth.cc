#include "bandwidth.h"

#include <algorithm>
#include <cstring>

#include "output.h"
#include "synapse/platform/platform.h"

namespace synapse::cli {
namespace {

constexpr size_t kMostBytes = size_t(512) << 20;
constexpr size_t kUnit = 512;
constexpr size_t kLeastPiece = 16 << 10, kMostPiece = 256 << 10;
constexpr double kSeconds = 0.25;

}  // namespace

double median(std::vector<double> values) {
  std::ranges::sort(values);
  const size_t n = values.size();
  return n % 2 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

ReadKernel::ReadKernel(const Kernels& kernels, const std::vector<Bytes>& parts) : kernels_(kernels) {
  size_t all = 0;
  for (const Bytes part : parts) all += part.size();
  const size_t piece = std::clamp(all / 256 / kUnit * kUnit, kLeastPiece, kMostPiece);
  for (const Bytes part : parts)
    for (size_t at = 0; at + kUnit <= part.size(); at += piece) {
      pieces_.push_back(part.subspan(at, std::min(piece, part.size() - at) / kUnit * kUnit));
      bytes_ += pieces_.back().size();
    }
  sums_.resize(pieces_.size());
}

double ReadKernel::pass(platform::ThreadPool& threads) {
  const double start = platform::seconds();
  threads.for_each(int32_t(pieces_.size()), [&](int32_t i, int32_t) {
    sums_[size_t(i)] = kernels_.peak_read(pieces_[size_t(i)].data(), pieces_[size_t(i)].size());
  });
  return platform::seconds() - start;
}

Bandwidth measure_read_bandwidth(const Kernels& kernels, platform::ThreadPool& threads, size_t available) {
  const size_t bytes = std::min(kMostBytes, available / 4);
  Result<platform::Reservation> memory = platform::Reservation::make(bytes);
  if (bytes < kUnit || !memory.ok()) return {};
  std::memset(memory->bytes().data(), 1, bytes);  // or all pages would be the one of zeros
  ReadKernel kernel(kernels, {memory->bytes()});
  std::vector<double> rates;
  for (const double start = platform::seconds(); platform::seconds() - start < kSeconds || rates.size() < 3;)
    rates.push_back(double(kernel.bytes()) / kernel.pass(threads));
  return {median(rates), "median of " + std::to_string(rates.size()) + " passes over " + human_bytes(kernel.bytes()) + ", " +
                             std::to_string(threads.size()) + " threads of 2 streams"};
}

}  // namespace synapse::cli
