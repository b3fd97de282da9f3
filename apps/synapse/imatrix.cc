// synapse imatrix: which inputs of each linear are large over a text, for `synapse quantize --imatrix`.
#include <algorithm>
#include <filesystem>

#include "input.h"
#include "output.h"
#include "progress.h"
#include "synapse/quant/collect.h"
#include "synapse/quant/windows.h"
#include "text_ids.h"
#include "verbs.h"

namespace synapse::cli {
namespace {

struct ImatrixFlags {
  Flags flags;
  std::string file, out = "imatrix.gguf";
  int64_t chunks = 0;
  bool process_output = false, force = false, json = false;
};

Status nothing(void*, int32_t, std::span<const float>) { return {}; }

Status imatrix(const ImatrixFlags& o) {
  if (!o.force && std::filesystem::exists(o.out)) return fail(Code::invalid, o.out, ": is there already; --force overwrites it");
  const bool* interrupted = watch_interrupts();
  SYN_TRY(text, read_text(o.file));
  SYN_TRY(engine, Engine::open(o.flags));
  SYN_RETURN_IF_ERROR(engine->read_vocabulary());
  SYN_RETURN_IF_ERROR(require_model(*engine, false));
  SYN_TRY(ids, TextIds::read(text, engine->vocabulary()));
  SYN_TRY(n_ctx, use_window(*engine, nullptr));
  SYN_TRY(windows, half_windows(int64_t(ids.ids.size()), n_ctx, o.chunks));

  ImatrixCollector collector(engine->model(), engine->processor().device(), o.process_output);
  engine->options().recorder = &collector;
  SYN_TRY(session, engine->start(n_ctx));
  session->cancel_on(interrupted);
  std::optional<Progress> progress(std::in_place, "reading the text");
  for (size_t i = 0; i < windows.size(); ++i) {
    progress->at(double(i) / double(windows.size()));
    SYN_RETURN_IF_ERROR(session->truncate(0));
    // Logits of every position where the head is wanted too.
    const LogitSink every{nothing, nullptr};
    SYN_RETURN_IF_ERROR(session->feed(ids.window(windows[i], true), o.process_output ? &every : nullptr));
  }
  progress.reset();
  SYN_TRY(made, collector.finish());
  if (made.entries.empty()) return fail(Code::unsupported, "imatrix: this model has no linears that are known by name");
  made.datasets = {o.file}, made.n_chunks = uint32_t(windows.size()), made.chunk_size = uint32_t(n_ctx);
  SYN_TRY(bytes, write_imatrix(o.out, made, o.force));
  for (const auto& [name, e] : made.entries) {
    const auto unseen = std::count(e.counts.begin(), e.counts.end(), 0.0f);
    if (unseen) note(name + ": " + std::to_string(unseen) + " of " + std::to_string(e.counts.size()) + " experts were never chosen");
  }
  if (!o.json) return put(o.out + "\n");
  return put_json({{"file", o.out}, {"bytes", bytes}, {"entries", made.entries.size()}, {"chunks", windows.size()},
                   {"window", n_ctx}, {"tokens", int64_t(windows.size()) * n_ctx}});
}

}  // namespace

void add_imatrix(CLI::App& app, Action& action) {
  auto options = std::make_shared<ImatrixFlags>();
  ImatrixFlags& o = *options;
  CLI::App* verb = add_verb<ImatrixFlags>(app, action, "imatrix",
                                     "Sum the squares of what every linear reads over a text, column by column; prints the file's name.",
                                     "  synapse imatrix -m model-f16.gguf -f calibration.txt\n"
                                     "  synapse imatrix -m model-f16.gguf -f calibration.txt -o model.imatrix.gguf --chunks 100",
                                     options, imatrix);
  add_model_flag(*verb, o.flags);
  verb->add_option("-f,--file", o.file, "the text; - reads stdin")->required();
  verb->add_option("-o,--output", o.out, "the file, as llama-imatrix writes it (default: imatrix.gguf)");
  verb->add_option("--chunks", o.chunks, "windows to read at most (default: the whole text)")->check(CLI::Range(1, INT32_MAX));
  verb->add_flag("--process-output", o.process_output, "also what the head reads");
  verb->add_flag("--force", o.force, "overwrite the file");
  verb->add_flag("--json", o.json, "what was written, as one JSON object");
  add_compute_flags(*verb, o.flags);
  add_context_flags(*verb, o.flags);
}

}  // namespace synapse::cli
