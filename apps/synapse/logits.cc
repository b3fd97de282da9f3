// synapse logits: what a model makes of given ids, as numbers.
#include "engine.h"
#include "input.h"
#include "output.h"
#include "verbs.h"

namespace synapse::cli {
namespace {

struct LogitsFlags {
  Flags flags;
  std::string ids, out;
  bool all = false, expand = false, nll = false;
};

// Takes every position's logits: to a file, or as the likelihood of the token that follows, or both.
struct Rows {
  NpyWriter* file = nullptr;
  std::span<const int32_t> ids;
  double nll_sum = 0;

  static Status take(void* context, int32_t position, std::span<const float> logits) {
    Rows& rows = *static_cast<Rows*>(context);
    const size_t next = size_t(position) + 1;
    if (next < rows.ids.size()) rows.nll_sum -= double(log_probability(logits, rows.ids[next]));
    return rows.file ? rows.file->append(logits) : Status();
  }
};

Status check_ids(std::span<const int32_t> ids, int32_t vocab_size, bool nll) {
  if (ids.empty()) return fail(Code::invalid, "ids: none given");
  if (nll && ids.size() < 2) return fail(Code::invalid, "ids: 1 given, --nll wants at least 2");
  for (int32_t id : ids) {
    if (id < 0 || id >= vocab_size) return fail(Code::invalid, "ids: ", id, ", the vocabulary has ", vocab_size);
  }
  return {};
}

Status logits(const LogitsFlags& o) {
  if (o.out.empty() && !o.nll) throw CLI::ValidationError("output", "wanted: -o FILE, --nll, or both");
  const bool* stop = watch_interrupts();
  SYN_TRY(ids, read_ids(o.ids));
  Flags flags = o.flags;
  if (flags.ctx_size == 0 && ids.size() <= INT32_MAX) flags.ctx_size = int32_t(ids.size());
  SYN_TRY(engine, Engine::open(flags));
  SYN_RETURN_IF_ERROR(require_model(*engine, o.expand));
  const Config& config = engine->model().config();
  SYN_RETURN_IF_ERROR(check_ids(ids, config.vocab_size, o.nll));
  SYN_TRY(session, engine->start(int32_t(ids.size())));
  session->cancel_on(stop);

  Rows rows{.ids = ids};
  std::optional<NpyWriter> file;
  if (!o.out.empty()) {
    const uint64_t shape[] = {ids.size(), uint64_t(config.vocab_size)};
    SYN_TRY(made, NpyWriter::create(o.out, std::span(shape).subspan(o.all ? 0 : 1)));
    file.emplace(std::move(made));
    if (o.all) rows.file = &*file;
  }
  const LogitSink sink{Rows::take, &rows};
  SYN_RETURN_IF_ERROR(session->feed(ids, o.all || o.nll ? &sink : nullptr));
  if (file && !o.all) {
    SYN_TRY(last, session->logits());
    SYN_RETURN_IF_ERROR(file->append(last));
  }
  if (file) SYN_RETURN_IF_ERROR(file->finish());
  if (o.nll) return put_json({{"nll", rows.nll_sum / double(ids.size() - 1)}, {"tokens", ids.size() - 1}});
  return {};
}

}  // namespace

void add_logits(CLI::App& app, Action& action) {
  auto options = std::make_shared<LogitsFlags>();
  LogitsFlags& o = *options;
  CLI::App* verb = add_verb<LogitsFlags>(
      app, action, "logits", "Compute the logits of token ids; no tokenizer is needed. Written as NumPy float32.",
      "  synapse logits -m synapse-story-4m --ids \"4092 614 564\" -o last.npy\n"
      "  synapse logits -m model.gguf --ids - --all -o all.npy < ids.txt\n"
      "  synapse logits -m model.gguf --ids \"1 2 3\" --nll",
      options, logits);
  add_model_flag(*verb, o.flags);
  verb->add_option("--ids", o.ids, "ids apart by spaces or commas; - reads them from stdin")->required();
  verb->add_option("-o,--output", o.out, "the file: (V) of the last position, or with --all (T, V)");
  verb->add_flag("--all", o.all, "every position, written as it is computed");
  verb->add_flag("--nll", o.nll, "print the mean negative log likelihood of each id after those before it, as JSON");
  verb->add_flag("--expand", o.expand, "compute with float32 weights expanded from the file's, and a float32 cache");
  add_compute_flags(*verb, o.flags);
  add_context_flags(*verb, o.flags);
}

}  // namespace synapse::cli
