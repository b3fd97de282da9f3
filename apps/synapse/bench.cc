// synapse bench: how fast a model is read and written here, beside what this machine could do at best.
#include "bench.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <optional>

#include "input.h"
#include "progress.h"
#include "synapse/platform/linux_resources.h"
#include "verbs.h"

namespace synapse::cli {
namespace {

// "512,128", the form of -pg.
std::pair<int32_t, int32_t> pair_of(const std::string& text) {
  int32_t n[2] = {};
  const char *at = text.data(), *end = at + text.size();
  for (int i = 0; i < 2; ++i) {
    const auto [rest, error] = std::from_chars(at, end, n[i]);
    const bool is_last = i == 1;
    if (error != std::errc() || n[i] < 1 || n[i] > (1 << 24) || (is_last ? rest != end : rest == end || *rest != ','))
      throw CLI::ValidationError("--prompt-gen", "\"" + text + "\", wanted two numbers like 512,128");
    at = rest + 1;
  }
  return {n[0], n[1]};
}

std::vector<BenchTest> tests_of(const BenchFlags& o) {
  std::vector<BenchTest> tests;
  for (const int32_t d : o.n_depths) {
    for (const int32_t p : o.n_prompts)
      if (p) tests.push_back({.n_prompt = p, .n_depth = d});
    for (const int32_t n : o.n_gens)
      for (const int32_t streams : o.n_streams)
        if (n) tests.push_back({.n_gen = n, .n_depth = d, .n_streams = streams});
    for (const std::string& pg : o.prompt_gens) {
      const auto [p, n] = pair_of(pg);
      tests.push_back({.n_prompt = p, .n_gen = n, .n_depth = d});
    }
  }
  return tests;
}

// What a test at depth 0 goes beyond is begun anew; a depth is a promise.
Status check_context(const Model& model, const std::vector<BenchTest>& tests) {
  bool begins_anew = false;
  for (const BenchTest& test : tests) {
    const bool is_beyond = test.n_positions() > model.config().max_seq_len;
    if (is_beyond && test.n_depth)
      return fail(Code::invalid, test.name(), ": ", test.n_positions(), " positions, the model has ", model.config().max_seq_len);
    begins_anew |= is_beyond;
  }
  if (begins_anew) note("context: the model has " + std::to_string(model.config().max_seq_len) + " positions; longer tests begin anew there");
  return {};
}

DType cache_type_of(const std::string& name, const Model& model) {
  return name.empty() ? default_cache_dtype(model) : *dtype_from_label(name);
}

std::string shown_ceiling(const BenchSetup& setup) {
  Engine& engine = *setup.engine;
  const Ceiling& c = *setup.ceiling;
  char text[200];
  std::snprintf(text, sizeof text, ", threads: %d%s, %s: reads %.1f GB/s, int8 %.0f GOP/s, f32 %.0f GFLOP/s (medians)\n",
                engine.processor().n_threads(), setup.pinned ? " (pinned)" : "", engine.processor().kernels().isa,
                c.read_bytes_per_second() / 1e9, c.int8_ops_per_second() / 1e9, c.float_ops_per_second() / 1e9);
  return engine.source().path().filename().string() + text;
}

// Every test with every setting, and the streams that they run on.
struct BenchPlan {
  std::vector<std::unique_ptr<BenchStreams>> streams;
  std::vector<BenchRow> rows;
};

Result<BenchPlan> plan_tests(const BenchFlags& o, const BenchSetups& setups, const bool* interrupted) {
  const std::vector<BenchTest> tests = tests_of(o);
  if (tests.empty()) throw CLI::ValidationError("tests", "none: -p, -n and -pg are all zero");
  int32_t n_positions = 0, n_streams = 1;
  for (const BenchTest& test : tests) n_positions = std::max(n_positions, test.n_positions()), n_streams = std::max(n_streams, test.n_streams);
  BenchPlan plan;
  for (const auto& setup : setups) {
    const Model& model = setup->engine->model();
    SYN_RETURN_IF_ERROR(check_context(model, tests));
    for (const int32_t batch_size : o.batch_sizes)
      for (const std::string& k : o.cache_types_k)
        for (const std::string& v : o.cache_types_v) {
          SessionOptions options = setup->engine->options();
          options.chunk = batch_size, options.k_dtype = cache_type_of(k, model), options.v_dtype = cache_type_of(v, model);
          SYN_TRY(opened, BenchStreams::open(*setup->engine, *setup->meter, setup->text, options, n_streams, n_positions, interrupted));
          plan.streams.push_back(std::move(opened));
          for (const BenchTest& test : tests) plan.rows.push_back({setup.get(), plan.streams.back().get(), test, {}, {}});
        }
  }
  return plan;
}

// One run of a test that is not timed but counted.
Status warm_up(BenchRow& row) {
  Meter& meter = *row.setup->meter;
  const int32_t vocab_size = row.setup->engine->model().config().vocab_size;
  SYN_RETURN_IF_ERROR(row.streams->prepare(row.test));
  meter.set(Meter::Mode::counts, vocab_size);
  SYN_RETURN_IF_ERROR(row.streams->run(row.test).status());
  row.cost = meter.total();
  meter.set(Meter::Mode::off, vocab_size);
  return {};
}

Result<std::string> run_tests(const BenchFlags& o, const BenchSetups& setups, const bool* interrupted, Progress& progress) {
  SYN_TRY(plan, plan_tests(o, setups, interrupted));
  const double n_runs = double(plan.rows.size()) * (o.repeats + 1);
  int32_t n_done = 0;
  for (BenchRow& row : plan.rows) {
    SYN_RETURN_IF_ERROR(warm_up(row));
    progress.at(++n_done / n_runs);
  }
  for (const auto& setup : setups) setup->ceiling = std::make_unique<Ceiling>(setup->engine->processor(), setup->meter->matrices());
  for (int32_t repeat = 0; repeat < o.repeats; ++repeat) {
    for (BenchRow& row : plan.rows) {
      SYN_RETURN_IF_ERROR(row.streams->prepare(row.test));
      row.setup->ceiling->measure();  // at the time of the test: other programs come and go
      SYN_TRY(seconds, row.streams->run(row.test));
      row.seconds.push_back(seconds);
      progress.at(++n_done / n_runs);
    }
  }
  std::vector<Json> out;
  for (const BenchRow& row : plan.rows) out.push_back(bench_row_json(row));
  std::string remark;
  for (const auto& setup : setups) remark += shown_ceiling(*setup);
  return bench_text(out, o.output, kTestColumns, remark);
}

Result<std::string> run_operations(const BenchFlags& o, const BenchSetups& setups, const bool* interrupted) {
  std::vector<Json> out;
  for (const auto& setup : setups) {
    SYN_TRY(rows, bench_operations(*setup, o, interrupted));
    out.insert(out.end(), rows.begin(), rows.end());
  }
  return bench_text(out, o.output, kOperationColumns, "times are of calls of the device, one after the other; what lies between them is not in\n");
}

Status bench(const BenchFlags& given) {
  BenchFlags o = given;
  if (o.json) o.output = "jsonl";
  const bool* interrupted = watch_interrupts();
  for (const std::string& pg : o.prompt_gens) pair_of(pg);
  for (const std::string& word : o.words)
    if (word != "ops") o.models.push_back(word);
  if (o.models.empty()) throw CLI::RequiredError("--model");
  std::optional<Progress> progress(std::in_place, "measuring");
  SYN_TRY(setups, open_bench_setups(o));
  const bool of_operations = std::ranges::find(o.words, "ops") != o.words.end();
  const auto text = of_operations ? run_operations(o, setups, interrupted) : run_tests(o, setups, interrupted, *progress);
  progress.reset();
  return text.ok() ? put(*text) : text.status();
}

// An option of several values, apart by commas or given again.
template <typename T>
CLI::Option* add_list(CLI::App& verb, const char* names, std::vector<T>& values, const char* about) {
  return verb.add_option(names, values, about)->delimiter(',')->expected(1)->take_all()->allow_extra_args(false)->default_str("");
}

}  // namespace

Result<BenchSetups> open_bench_setups(const BenchFlags& o) {
  const platform::Processors processors = platform::processors_under("");  // before any thread is pinned
  BenchSetups setups;
  for (const std::string& model : o.models)
    for (const int32_t threads : o.threads) {
      Flags flags = o.flags;
      flags.model = model, flags.threads = threads;
      auto setup = std::make_unique<BenchSetup>();
      SYN_TRY(engine, Engine::open(flags));
      setup->engine = std::move(engine);
      if (!o.file.empty()) {
        SYN_TRY(text, read_text(o.file));
        SYN_RETURN_IF_ERROR(setup->engine->read_vocabulary());
        SYN_TRY(ids, setup->engine->vocabulary().encode(text, {}));
        if (ids.empty()) return fail(Code::invalid, o.file.c_str(), ": no text");
        setup->text = std::move(ids);
      }
      SYN_RETURN_IF_ERROR(require_model(*setup->engine, false));
      SYN_RETURN_IF_ERROR(setup->engine->pack_weights());
      setup->meter = std::make_unique<Meter>(setup->engine->processor().device());
      setups.push_back(std::move(setup));
    }
  for (const auto& setup : setups) setup->pinned = setup->engine->processor().threads().pin({processors.cpu, size_t(processors.n)});
  return setups;
}

void add_bench(CLI::App& app, Action& action) {
  auto options = std::make_shared<BenchFlags>();
  BenchFlags& o = *options;
  o.threads = {0}, o.batch_sizes = {512}, o.n_prompts = {512}, o.n_gens = {128}, o.n_depths = {0}, o.n_streams = {1};
  o.cache_types_k = o.cache_types_v = {""};
  CLI::App* verb = add_verb<BenchFlags>(
      app, action, "bench", "Measure how fast a model is read and written here, and what share that is of this machine's best.",
      "  synapse bench -m model.gguf\n"
      "  synapse bench -m model.gguf -p 512 -n 64 -t 2 -r 5 --json\n"
      "  synapse bench -m a.gguf -m b.gguf -p 64,512 -n 64 -d 0,4096 -t 1,2 -o csv\n"
      "  synapse bench -m model.gguf -p 0 -n 64 -npl 1,2,4,8,16\n"
      "  synapse bench ops gemma3:270m\n"
      "\npp512: 512 tokens are read; tg128: 128 are written, one by one, greedily; @ d4096: behind 4096 others, whose time is not\n"
      "counted; x 4: by four streams that go through the model together. After a warm-up every test is run once, then again, and so\n"
      "on: t/s is the median, spread is (most - least) / median. Threads stay on processors of their own, where there are as many.\n"
      "\nroofline is the least time that this machine could take, over the time taken. It reads the matrices that a token needs and\n"
      "the keys and values that it sees from memory, and multiplies by the matrices; whichever of both takes longer counts. How fast\n"
      "it reads is measured over the matrices themselves, with as many threads; how fast it multiplies, by products of 8-bit\n"
      "integers, or of floats, whose sums stay in registers: before every run of a test, the medians.\n"
      "\n`bench ops` times each operation while the first -p tokens are read and the first -n written.",
      options, bench);
  verb->add_option("words", o.words, "models, as with -m; ops: time operations instead of tests");
  verb->add_option("-m,--model", o.models, "GGUF or llama2.c file, folder, or a name that `synapse list` shows; may be repeated")
      ->envname("SYNAPSE_MODEL")
      ->expected(1)
      ->take_all()
      ->allow_extra_args(false);
  add_family_flag(*verb, o.flags);
  add_list(*verb, "-p,--n-prompt", o.n_prompts, "tokens to read (default: 512; 0: no such test)")->check(CLI::Range(0, 1 << 24));
  add_list(*verb, "-n,--n-gen", o.n_gens, "tokens to write (default: 128; 0: no such test)")->check(CLI::Range(0, 1 << 24));
  verb->add_option("--prompt-gen", o.prompt_gens, "-pg: read and then write so many, like 512,128; may be repeated")->expected(1)->take_all()->allow_extra_args(false);
  verb->add_option("-f,--file", o.file, "a text to read, from its start again where it ends (default: tokens drawn at random)");
  add_list(*verb, "-d,--n-depth", o.n_depths, "tokens that stand before (default: 0)")->check(CLI::Range(0, 1 << 24));
  add_list(*verb, "--n-parallel", o.n_streams, "-npl: streams that write together (default: 1)")->check(CLI::Range(1, 1024));
  add_list(*verb, "-t,--threads", o.threads, "threads (default: the cores this process may use)")
      ->envname("SYNAPSE_THREADS")
      ->check(CLI::Range(1, 256));
  add_list(*verb, "-b,--batch-size", o.batch_sizes, "-ub: tokens of a prompt computed at once (default: 512)")
      ->envname("SYNAPSE_BATCH_SIZE")
      ->check(CLI::Range(1, 65536));
  add_list(*verb, "--cache-type-k", o.cache_types_k, "-ctk: format of cached keys (default: by the model)")
      ->envname("SYNAPSE_CACHE_TYPE_K")
      ->check(cache_types());
  add_list(*verb, "--cache-type-v", o.cache_types_v, "-ctv: format of cached values, likewise")
      ->envname("SYNAPSE_CACHE_TYPE_V")
      ->check(cache_types());
  verb->add_option("-r,--repetitions", o.repeats, "repeats of each test (default: 5)")->check(CLI::Range(1, 1000));
  add_weight_flags(*verb, o.flags);
  add_isa_flag(*verb, o.flags);
  verb->add_option("-o,--output", o.output, "md (default), csv, json or jsonl")->check(CLI::IsMember({"md", "csv", "json", "jsonl"}));
  verb->add_flag("--json", o.json, "the same as -o jsonl");
}

}  // namespace synapse::cli
