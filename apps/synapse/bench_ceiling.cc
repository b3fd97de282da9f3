#include "bench_ceiling.h"

#include <atomic>

#include "synapse/platform/platform.h"

namespace synapse::cli {
namespace {

constexpr double kReadSeconds = 0.06, kPeakSeconds = 0.01;  // of one measurement at least

}  // namespace

Ceiling::Ceiling(Processor& processor, const std::vector<Bytes>& matrices) : processor_(processor), reader_(processor.kernels(), matrices) {
  reader_.pass(processor.threads());  // brings in what was not in memory yet
}

// Operations a second of all threads together.
double Ceiling::rate(int64_t (*work)(int64_t n_rounds, float* sink)) {
  const int32_t n = processor_.n_threads();
  for (int64_t n_rounds = 1024;; n_rounds *= 2) {
    std::atomic<int64_t> n_done = 0;
    const double start = platform::seconds();
    processor_.threads().for_each(n, [&](int32_t, int32_t) {
      float sink = 0;
      n_done += work(n_rounds, &sink);
    });
    const double seconds = platform::seconds() - start;
    if (seconds >= kPeakSeconds) return 2 * double(n_done) / seconds;
  }
}

void Ceiling::measure() {
  reader_.pass(processor_.threads());  // a shared cache keeps some of it from pass to pass, as from token to token
  for (double seconds = 0; seconds < kReadSeconds;) {
    const double pass = reader_.pass(processor_.threads());
    reads_.push_back(double(reader_.bytes()) / pass);
    seconds += pass;
  }
  int8_.push_back(rate(processor_.kernels().peak_bytes));
  floats_.push_back(rate(processor_.kernels().peak_floats));
}

}  // namespace synapse::cli
