// Where the time goes: every operation of the model timed while a prompt is read and tokens are written.
#include <algorithm>

#include "bench.h"

namespace synapse::cli {

Result<std::vector<Json>> bench_operations(BenchSetup& setup, const BenchFlags& o, const bool* interrupted) {
  Engine& engine = *setup.engine;
  Meter& meter = *setup.meter;
  const int32_t vocab_size = engine.model().config().vocab_size, depth = o.n_depths[0];
  const BenchTest tests[] = {{.n_prompt = o.n_prompts[0], .n_depth = depth}, {.n_gen = o.n_gens[0], .n_depth = depth}};
  int32_t n_positions = 0;
  for (const BenchTest& test : tests) n_positions = std::max(n_positions, test.n_positions());
  SYN_TRY(streams, BenchStreams::open(engine, meter, setup.text, engine.options(), 1, n_positions, interrupted));
  std::vector<Json> rows;
  for (const BenchTest& test : tests) {
    if (test.n_tokens() == 0) continue;
    for (const Meter::Mode mode : {Meter::Mode::off, Meter::Mode::times}) {  // once to warm up
      meter.set(Meter::Mode::off, vocab_size);
      SYN_RETURN_IF_ERROR(streams->prepare(test));
      meter.set(mode, vocab_size);
      SYN_RETURN_IF_ERROR(streams->run(test).status());
    }
    std::vector<Meter::Row> found = meter.rows();
    meter.set(Meter::Mode::off, vocab_size);
    std::ranges::sort(found, std::greater(), &Meter::Row::seconds);
    double all = 0;
    for (const Meter::Row& row : found) all += row.seconds;
    const double n = double(test.n_tokens());
    for (const Meter::Row& row : found) {
      const Cost& c = row.cost;
      rows.push_back({{"model_filename", engine.source().path().string()},
                      {"model_type", engine.source().path().stem().string()},
                      {"n_threads", engine.processor().n_threads()},
                      {"test", test.name()},
                      {"op", row.op},
                      {"calls_per_token", double(row.calls) / n},
                      {"us_per_token", row.seconds * 1e6 / n},
                      {"share", row.seconds / all},
                      {"gb_s", (c.weight_bytes + c.kv_bytes + c.other_bytes) / row.seconds / 1e9},
                      {"gop_s", (c.int8_ops + c.float_ops) / row.seconds / 1e9}});
    }
  }
  return rows;
}

}  // namespace synapse::cli
