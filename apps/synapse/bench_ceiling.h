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
  ~Ceiling();
  void measure();

  double read_bytes_per_second() const { return median(reads_); }    // REQUIRES measure, for all three
  double int8_ops_per_second() const { return median(int8_); }       // the engine's dot of 8-bit integers, operands in L1
  double float_ops_per_second() const { return median(floats_); }    // the engine's float linear, operands in L2
  // The least time for so much work: that of its bytes or of its operations, whichever is longer.
  double least_seconds(const Cost& cost) const { return std::max(memory_seconds(cost), arithmetic_seconds(cost)); }
  bool bound_by_memory(const Cost& cost) const { return memory_seconds(cost) >= arithmetic_seconds(cost); }

 private:
  struct Operands;
  double memory_seconds(const Cost& c) const { return (c.weight_bytes + c.kv_bytes) / read_bytes_per_second(); }
  double arithmetic_seconds(const Cost& c) const {
    return c.int8_ops / int8_ops_per_second() + c.float_ops / float_ops_per_second();
  }
  template <typename F>
  double rate(double ops, F&& work);

  Processor& processor_;
  ReadKernel reader_;
  std::vector<std::unique_ptr<Operands>> operands_;  // one a thread
  std::vector<double> reads_, int8_, floats_;
};

}  // namespace synapse::cli
