// synapse run: continues a prompt, token by token.
#include <sys/resource.h>

#include <algorithm>
#include <cstdio>
#include <limits>

#include "engine.h"
#include "input.h"
#include "output.h"
#include "progress.h"
#include "prompt_cache.h"
#include "settings.h"
#include "speculation.h"
#include "synapse/runtime/generate.h"
#include "verbs.h"

namespace synapse::cli {
namespace {

struct RunFlags {
  Flags flags;
  std::optional<std::string> prompt;
  std::string file;
  int32_t predict = -1;
  SamplingFlags sampling;
  SpeculativeFlags speculative;
  PromptCacheFlags prompt_cache;
  std::vector<std::string> stop;
  bool escape = false, json = false, logprobs = false, special = false, verbose = false;
  const CLI::App* app = nullptr;  // for the verbs there are
};

// Milliseconds spent, and tokens that went through.
struct Timing {
  double load_ms = 0, prefill_ms = 0, decode_ms = 0;
  size_t n_prompt = 0, n_cached = 0, n_generated = 0;
  size_t peak_bytes = 0, plan_bytes = 0;
  double tokens_per_second() const { return decode_ms > 0 ? double(n_generated) * 1000 / decode_ms : 0; }
};

// What was generated, gathered for --json.
struct Outcome {
  std::string text;
  std::vector<int32_t> ids;
  std::vector<float> logprobs;
  Finish finish = Finish::none;
  Timing timing;
  std::unique_ptr<Speculation> speculation;
};

// The prompt, byte for byte; of stdin one last line break is dropped, which echo puts there.
Result<std::string> read_prompt(const RunFlags& o) {
  if (o.prompt) return o.escape ? unescape(*o.prompt) : *o.prompt;
  if (o.file.empty() && stdin_is_terminal()) {
    throw CLI::ValidationError("prompt", "wanted: -p TEXT, -f FILE, or text on stdin");
  }
  const bool is_stdin = o.file.empty() || o.file == "-";
  SYN_TRY(text, read_text(is_stdin ? "-" : o.file));
  if (is_stdin && text.ends_with('\n')) text.pop_back();
  return text;
}

// The ids of a prompt; of an empty one the token that begins a text.
Result<std::vector<int32_t>> encode_prompt(const Vocabulary& vocabulary, const std::string& text) {
  SYN_TRY(ids, vocabulary.encode(text, {}));
  if (ids.empty() && vocabulary.tokenizer->bos_id() >= 0) ids.push_back(vocabulary.tokenizer->bos_id());
  if (ids.empty()) return fail(Code::invalid, "prompt: empty, and the tokenizer has no token to begin with");
  return ids;
}

// The most memory this process ever held.
size_t peak_bytes() {
  rusage usage = {};
  getrusage(RUSAGE_SELF, &usage);
  return size_t(usage.ru_maxrss) * 1024;
}

void print_timing(const Timing& t) {
  char line[360];
  const std::string cached = t.n_cached ? ", " + std::to_string(t.n_cached) + " of them cached," : "";
  std::snprintf(line, sizeof line,
                "load: %.1f ms; prompt: %zu tokens%s in %.1f ms (%.1f tok/s); generated: %zu tokens in %.1f ms (%.1f tok/s); "
                "memory: at most %s, planned %s",
                t.load_ms, t.n_prompt, cached.c_str(), t.prefill_ms, t.prefill_ms > 0 ? double(t.n_prompt - t.n_cached) * 1000 / t.prefill_ms : 0,
                t.n_generated, t.decode_ms, t.tokens_per_second(), human_bytes(t.peak_bytes).c_str(),
                human_bytes(t.plan_bytes).c_str());
  note(line);
}

void print_settings(const Settings& settings, Finish finish) {
  std::string line = "sampling:";
  const Json shown = shown_settings(settings.origins);
  for (const auto& [name, value] : shown.items()) line += " " + name + " " + value.get<std::string>() + ",";
  note(line + " seed " + std::to_string(settings.options.seed) + "; finish: " + std::string(finish_name(finish)));
}

Status print_json(const Outcome& outcome, const RunFlags& o, const Settings& settings) {
  const Timing& t = outcome.timing;
  Json json = {{"text", outcome.text},
               {"ids", outcome.ids},
               {"finish", finish_name(outcome.finish)},
               {"prompt_tokens", t.n_prompt},
               {"cached_tokens", t.n_cached},
               {"generated_tokens", t.n_generated},
               {"load_ms", t.load_ms},
               {"prefill_ms", t.prefill_ms},
               {"decode_ms", t.decode_ms},
               {"tok_s", t.tokens_per_second()},
               {"peak_bytes", t.peak_bytes},
               {"plan_bytes", t.plan_bytes},
               {"seed", settings.options.seed},
               {"sampling", settings.origins}};
  if (o.logprobs) json["logprobs"] = outcome.logprobs;
  if (outcome.speculation) json["speculative"] = outcome.speculation->counts();
  return put_json(json);
}

// Reads the prompt batch by batch, which changes nothing but lets the terminal see how far it is.
Status read(Session& session, std::span<const int32_t> ids, size_t batch) {
  Progress progress("reading the prompt");
  for (size_t at = 0; at < ids.size(); at += batch) {
    SYN_RETURN_IF_ERROR(session.feed(ids.subspan(at, std::min(batch, ids.size() - at))));
    progress.at(double(std::min(at + batch, ids.size())) / double(ids.size()));
  }
  return session.logits().status();
}

// Generates until an end; text goes to stdout as it comes, or is gathered for --json.
Status generate(Session& session, const Vocabulary& vocabulary, const RunFlags& o, const SamplerOptions& sampler,
                Outcome& outcome) {
  const std::vector<std::string_view> stop(o.stop.begin(), o.stop.end());
  const GenerateOptions options{sampler, o.predict, vocabulary.end_ids, stop, o.special,
                                outcome.speculation ? outcome.speculation->speculator() : nullptr};
  SYN_TRY(region, Region::make(Generation::arena_bytes(*vocabulary.tokenizer, options)));
  SYN_TRY(generation, Generation::start(session, *vocabulary.tokenizer, options, region.arena()));
  while (outcome.finish == Finish::none) {
    SYN_TRY(step, generation->step());
    outcome.finish = step.finish;
    if (step.pick.id >= 0) {
      outcome.ids.push_back(step.pick.id);
      outcome.logprobs.push_back(step.pick.logprob);
    }
    if (o.json) {
      outcome.text += step.text;
    } else if (!step.text.empty()) {
      SYN_RETURN_IF_ERROR(put(step.text));
    }
  }
  return {};
}

bool has_verb(const CLI::App& app, std::string_view name) {
  return !app.get_subcommands([&](const CLI::App* verb) { return verb->get_name() == name; }).empty();
}

// The engine, ready to run.
Result<std::unique_ptr<Engine>> load(const RunFlags& o) {
  Progress progress("loading");
  SYN_TRY(engine, Engine::open(o.flags));
  SYN_RETURN_IF_ERROR(engine->read_vocabulary());
  SYN_RETURN_IF_ERROR(require_model(*engine, false));
  return std::move(engine);
}

Status run(const RunFlags& o) {
  const bool* interrupted = watch_interrupts();
  SYN_TRY(prompt, read_prompt(o));
  Outcome outcome;
  Timing& timing = outcome.timing;
  const double begin = platform::seconds();
  SYN_TRY(engine, load(o));
  const Checkpoint& checkpoint = engine->source().checkpoint();
  SYN_TRY(settings, choose_settings(o.sampling, checkpoint, &engine->vocabulary()));
  settings.options.with_logprob = o.logprobs;
  SYN_RETURN_IF_ERROR(check(settings.options, engine->model().config().vocab_size));
  if (has_verb(*o.app, "chat") && stderr_is_terminal() && checkpoint.find("tokenizer.chat_template")) {
    note("this model has a chat template, which `synapse chat` follows; `run` only continues the text");
  }
  SYN_TRY(ids, encode_prompt(engine->vocabulary(), prompt));
  SYN_TRY(speculation, Speculation::open(o.speculative, o.flags, *engine));
  outcome.speculation = std::move(speculation);
  const int64_t reach = o.predict < 0 ? INT32_MAX : int64_t(ids.size()) + o.predict;
  SYN_TRY(session, engine->start(int32_t(std::min<int64_t>(reach, INT32_MAX))));
  if (ids.size() > size_t(session->max_seq_len()))
    return fail(Code::invalid, "prompt: ", ids.size(), " tokens, the context holds ", session->max_seq_len());
  session->cancel_on(interrupted);
  if (outcome.speculation) SYN_RETURN_IF_ERROR(outcome.speculation->start(*session, interrupted));

  timing.n_prompt = ids.size();
  const double start = platform::seconds();
  timing.load_ms = (start - begin) * 1000;
  SYN_RETURN_IF_ERROR(load_prompt_cache(o.prompt_cache, *session, ids));
  const size_t n_known = session->ids().size();
  timing.n_cached = std::min(size_t(session->n_cached()), ids.size() - 1);  // the last is read for its logits
  SYN_RETURN_IF_ERROR(read(*session, std::span(ids).subspan(n_known), size_t(o.flags.batch_size)));
  if (n_known < ids.size()) SYN_RETURN_IF_ERROR(save_prompt_cache(o.prompt_cache, *session));
  const double written = platform::seconds();
  timing.prefill_ms = (written - start) * 1000;
  const Status status = generate(*session, engine->vocabulary(), o, settings.options, outcome);
  timing.decode_ms = (platform::seconds() - written) * 1000;
  timing.n_generated = outcome.ids.size();
  timing.peak_bytes = peak_bytes();
  timing.plan_bytes = engine->plan(session->max_seq_len()).total();
  if (!status.ok() && status.code() != Code::cancelled) return status;

  if (!status.ok()) outcome.finish = Finish::cancelled;
  const bool is_interrupted = outcome.finish == Finish::cancelled;
  SYN_RETURN_IF_ERROR(o.json ? print_json(outcome, o, settings) : put("\n"));
  if (o.verbose || is_interrupted) {
    print_settings(settings, outcome.finish);
    print_timing(timing);
    if (outcome.speculation) note(outcome.speculation->text());
  }
  return is_interrupted ? fail(Code::cancelled, "interrupted") : Status();
}

}  // namespace

void add_run(CLI::App& app, Action& action) {
  auto options = std::make_shared<RunFlags>();
  RunFlags& o = *options;
  CLI::App* verb = add_verb<RunFlags>(
      app, action, "run", "Continue a text. Only the continuation goes to stdout, as it comes.",
      "  synapse run -m synapse-story-4m -p \"Once upon a time\" -n 100\n"
      "  synapse run -m model.gguf -f prompt.txt --temp 0 --json\n"
      "  echo \"The sea\" | SYNAPSE_THREADS=1 synapse run -m model.gguf -n 20 --memory-budget 64MiB\n"
      "  synapse run -m large.gguf -md small.gguf -p \"Once\" -v\n"
      "  synapse run -m model.gguf -f long.txt --prompt-cache long.state --lookup",
      options, run);
  add_model_flag(*verb, o.flags);
  CLI::Option* prompt = verb->add_option("-p,--prompt,PROMPT", o.prompt, "the text to continue");
  verb->add_option("-f,--file", o.file, "a file that holds it, - for stdin, of which one final line break is dropped")
      ->excludes(prompt);
  verb->add_option("-n,--predict,--n-predict", o.predict, "most tokens to generate; -1: until an end (default: -1)")
      ->envname("SYNAPSE_PREDICT")
      ->check(CLI::Range(-1, INT32_MAX));
  verb->add_option("-r,--reverse-prompt,--stop", o.stop, "end where this text would appear; may be repeated")
      ->allow_extra_args(false);
  verb->add_flag("-e", o.escape, "--escape: \\n, \\t, \\\", \\\\ and \\x41 in -p stand for what they name")->envname("SYNAPSE_ESCAPE");
  add_sampling_flags(*verb, o.sampling);
  add_speculative_flags(*verb, o.speculative);
  add_prompt_cache_flags(*verb, o.prompt_cache);
  add_compute_flags(*verb, o.flags);
  add_context_flags(*verb, o.flags);
  verb->add_flag("--special", o.special, "show special tokens");
  o.app = &app;
  CLI::Option* json = verb->add_flag("--json", o.json, "one JSON object at the end instead of text");
  verb->add_flag("--logprobs", o.logprobs, "with --json: the log probability of every token")->needs(json);
  verb->add_flag("-v,--verbose", o.verbose, "timings on stderr")->envname("SYNAPSE_VERBOSE");
}

}  // namespace synapse::cli
