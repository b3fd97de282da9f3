// Streams of one model that are read and written for a bench.
#pragma once
#include "bench_meter.h"
#include "engine.h"

namespace synapse::cli {

// What llama-bench calls a test: n_prompt tokens are read behind n_depth others, then n_gen written, one at a time, by each of
// n_streams streams, which go through the model together.
struct BenchTest {
  int32_t n_prompt = 0, n_gen = 0, n_depth = 0, n_streams = 1;

  std::string name() const;  // pp512, tg128, pp512+tg128; "... @ d4096", "... x 4" streams
  int64_t n_tokens() const { return int64_t(n_prompt + n_gen) * n_streams; }
  // Positions of a stream. Without depth a stream has something before its first written token all the same.
  int32_t n_positions() const { return n_depth + n_prompt + n_gen + (n_depth + n_prompt == 0); }
};

class BenchStreams {
 public:
  // Streams of n_positions, or of the model's context if that is less. `options`: cache types and rows of prefill at once; `text`:
  // what is read, over and over, if it is not empty.
  static Result<std::unique_ptr<BenchStreams>> open(Engine& engine, Meter& meter, std::span<const int32_t> text, SessionOptions options, int32_t n_streams,
                                                    int32_t n_positions, const bool* interrupted);

  Status prepare(const BenchTest& test);      // the streams stand where the test begins
  Result<double> run(const BenchTest& test);  // seconds; REQUIRES prepare. Past its context a stream begins anew
  const SessionOptions& options() const { return options_; }

 private:
  std::vector<int32_t> prompt(size_t stream, int32_t first, int32_t n) const;
  Status read(size_t stream, int32_t n);
  Status read_before(int32_t depth);
  Status write(const BenchTest& test);

  SessionOptions options_;
  int32_t vocab_size_ = 0;
  std::span<const int32_t> text_;
  Region pages_, tables_;
  std::vector<Session*> sessions_;
  Session* before_ = nullptr;
  std::vector<int32_t> n_ours_;  // of each: how many of its first tokens are those that read() gives it
};

}  // namespace synapse::cli
