// What the processor could do at best: the rates that a share of the roofline (Williams, Waterman and Patterson 2009) is of.
#pragma once
#include <memory>

#include "bench_meter.h"
#include "engine.h"

namespace synapse::cli {

// Measured again before every run of a test, so that a machine that slows down does so for both sides; the medians count.
class Ceiling {
 public:
  // `matrices`: what a model reads; the reads that are the ceiling go over the same memory.
  Ceiling(Processor& processor, const std::vector<Bytes>& matrices);
  void measure();

  double read_bytes_per_second() const { return median(reads_); }    // REQUIRES measure, for all three
  double int8_ops_per_second() const { return median(int8_); }       // of 8-bit integers, sums in registers
  double float_ops_per_second() const { return median(floats_); }    // likewise
  // The least time for so much work: that of its bytes or of its operations, whichever is longer.
  double least_seconds(const Cost& cost) const { return std::max(memory_seconds(cost), arithmetic_seconds(cost)); }
  bool bound_by_memory(const Cost& cost) const { return memory_seconds(cost) >= arithmetic_seconds(cost); }

 private:
  double memory_seconds(const Cost& c) const { return (c.weight_bytes + c.kv_bytes) / read_bytes_per_second(); }
  double arithmetic_seconds(const Cost& c) const {
    return c.int8_ops / int8_ops_per_second() + c.float_ops / float_ops_per_second();
  }
  double rate(int64_t (*work)(int64_t n_rounds, float* sink));

  Processor& processor_;
  ReadKernel reader_;
  std::vector<double> reads_, int8_, floats_;
};

}  // namespace synapse::cli
