// What `synapse bench` was asked for, and what it found.
#pragma once
#include "bench_ceiling.h"
#include "bench_streams.h"
#include "output.h"

namespace synapse::cli {

// Lists: every combination is measured.
struct BenchFlags {
  Flags flags;  // of one engine; what there are lists of is put in
  std::vector<std::string> words, models, cache_types_k, cache_types_v, prompt_gens;
  std::vector<int32_t> threads, batch_sizes, n_prompts, n_gens, n_depths, n_streams;
  int32_t repeats = 5;
  std::string file;  // whose text is read; empty: tokens at random
  std::string output = "md";
  bool json = false;
};

// A model on so many threads, and how fast those are.
struct BenchSetup {
  std::unique_ptr<Engine> engine;
  std::vector<int32_t> text;  // what is read, over and over; empty: tokens at random
  std::unique_ptr<Meter> meter;
  std::unique_ptr<Ceiling> ceiling;
  bool pinned = false;
};

struct BenchRow {
  BenchSetup* setup;
  BenchStreams* streams;
  BenchTest test;
  Cost cost;
  std::vector<double> seconds;  // by repeat
};

// Engines for every model and number of threads, pinned.
using BenchSetups = std::vector<std::unique_ptr<BenchSetup>>;
Result<BenchSetups> open_bench_setups(const BenchFlags& o);

// One row as an object: the fields of llama-bench, then ours (docs/performance.md).
Json bench_row_json(const BenchRow& row);
// The operations of a setup while it reads and writes, as objects.
Result<std::vector<Json>> bench_operations(BenchSetup& setup, const BenchFlags& o, const bool* interrupted);

// Rows of one kind as md, csv, json or jsonl. Markdown shows some of the columns, and `remark` below.
struct BenchColumn {
  const char* field;
  const char* title;
  std::string (*show)(const Json& row);
};
std::string bench_text(const std::vector<Json>& rows, const std::string& form, std::span<const BenchColumn> columns,
                       const std::string& remark);
extern const std::span<const BenchColumn> kTestColumns, kOperationColumns;

}  // namespace synapse::cli
