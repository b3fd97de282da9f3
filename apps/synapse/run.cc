// synapse run: continues a prompt, token by token.
#include <limits>
#include <random>

#include "engine.h"
#include "input.h"
#include "output.h"
#include "synapse/runtime/generate.h"
#include "verbs.h"

namespace synapse::cli {
namespace {

struct Options {
  Flags flags;
  std::optional<std::string> prompt;
  std::string file;
  int32_t predict = -1;
  std::string seed_text;
  SamplerOptions sampler;
  std::vector<std::string> logit_bias, stop;
  bool json = false, logprobs = false, special = false, verbose = false;
};

// Milliseconds spent, and tokens that went through.
struct Timing {
  double prefill_ms = 0, decode_ms = 0;
  size_t n_prompt = 0, n_generated = 0;
  double tokens_per_second() const { return decode_ms > 0 ? double(n_generated) * 1000 / decode_ms : 0; }
};

// What was generated, gathered for --json.
struct Outcome {
  std::string text;
  std::vector<int32_t> ids;
  std::vector<float> logprobs;
  Finish finish = Finish::none;
  Timing timing;
};

// The prompt, byte for byte; of a file or stdin one last line break is dropped, which editors and echo put there.
Result<std::string> read_prompt(const Options& o) {
  if (o.prompt) return *o.prompt;
  if (o.file.empty() && stdin_is_terminal()) {
    throw CLI::ValidationError("prompt", "wanted: -p TEXT, -f FILE, or text on stdin");
  }
  SYN_TRY(text, read_text(o.file.empty() ? "-" : o.file));
  if (text.ends_with('\n')) text.pop_back();
  return text;
}

// The ids of a prompt; of an empty one the token that begins a text.
Result<std::vector<int32_t>> encode_prompt(const Vocabulary& vocabulary, const std::string& text) {
  SYN_TRY(ids, vocabulary.encode(text, {}));
  if (ids.empty() && vocabulary.tokenizer->bos_id() >= 0) ids.push_back(vocabulary.tokenizer->bos_id());
  if (ids.empty()) return fail(Code::invalid, "prompt: empty, and the tokenizer has no token to begin with");
  return ids;
}

// "15043+1.5", "15043-inf"
std::vector<LogitBias> read_biases(const std::vector<std::string>& words) {
  std::vector<LogitBias> biases;
  for (const std::string& word : words) {
    const size_t sign = word.find_first_of("+-", 1);
    LogitBias bias{};
    size_t id_end = 0, bias_end = 0;
    try {
      if (sign == std::string::npos) throw std::invalid_argument(word);
      const long long id = std::stoll(word.substr(0, sign), &id_end);
      const float value = std::stof(word.substr(sign), &bias_end);
      if (id_end != sign || bias_end != word.size() - sign || id < 0 || id > INT32_MAX) throw std::invalid_argument(word);
      bias = {int32_t(id), value};
    } catch (const std::logic_error&) {
      throw CLI::ValidationError("--logit-bias", "\"" + word + "\", wanted a token id and what is added, like 15043+1 or 15043-inf");
    }
    biases.push_back(bias);
  }
  return biases;
}

uint64_t choose_seed(const std::string& text) {
  if (text.empty() || text == "-1") {
    std::random_device device;
    return (uint64_t(device()) << 32) | device();
  }
  size_t end = 0;
  uint64_t seed = 0;
  try {
    seed = std::stoull(text, &end);
  } catch (const std::logic_error&) {
  }
  if (end == 0 || end != text.size() || text[0] == '-') {
    throw CLI::ValidationError("--seed", "\"" + text + "\", wanted a whole number, or -1 for a new one");
  }
  return seed;
}

void print_timing(const Timing& t) {
  char line[160];
  std::snprintf(line, sizeof line, "prompt: %zu tokens in %.1f ms (%.1f tok/s); generated: %zu tokens in %.1f ms (%.1f tok/s)",
                t.n_prompt, t.prefill_ms, t.prefill_ms > 0 ? double(t.n_prompt) * 1000 / t.prefill_ms : 0, t.n_generated,
                t.decode_ms, t.tokens_per_second());
  note(line);
}

Status print_json(const Outcome& outcome, const Options& o) {
  const Timing& t = outcome.timing;
  Json json = {{"text", outcome.text},
               {"ids", outcome.ids},
               {"finish", finish_name(outcome.finish)},
               {"prompt_tokens", t.n_prompt},
               {"generated_tokens", t.n_generated},
               {"prefill_ms", t.prefill_ms},
               {"decode_ms", t.decode_ms},
               {"tok_s", t.tokens_per_second()},
               {"seed", o.sampler.seed}};
  if (o.logprobs) json["logprobs"] = outcome.logprobs;
  return put_json(json);
}

// Generates until an end; text goes to stdout as it comes, or is gathered for --json.
Status generate(Session& session, const Vocabulary& vocabulary, const Options& o, Outcome& outcome) {
  const std::vector<std::string_view> stop(o.stop.begin(), o.stop.end());
  const GenerateOptions options{o.sampler, o.predict, vocabulary.end_ids, stop, o.special};
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

Status run(const Options& given) {
  Options o = given;
  const std::vector<LogitBias> biases = read_biases(o.logit_bias);
  o.sampler.bias = biases;
  o.sampler.seed = choose_seed(o.seed_text);
  const bool* interrupted = watch_interrupts();
  SYN_TRY(prompt, read_prompt(o));
  SYN_TRY(engine, Engine::open(o.flags));
  SYN_RETURN_IF_ERROR(engine->read_vocabulary());
  SYN_RETURN_IF_ERROR(require_model(*engine, false));
  SYN_RETURN_IF_ERROR(check(o.sampler, engine->model().config().vocab_size));
  SYN_TRY(ids, encode_prompt(engine->vocabulary(), prompt));
  const int64_t reach = o.predict < 0 ? INT32_MAX : int64_t(ids.size()) + o.predict;
  SYN_TRY(session, engine->start(int32_t(std::min<int64_t>(reach, INT32_MAX))));
  session->cancel_on(interrupted);

  Outcome outcome;
  Timing& timing = outcome.timing;
  timing.n_prompt = ids.size();
  const double start = platform::seconds();
  SYN_RETURN_IF_ERROR(session->feed(ids));
  SYN_RETURN_IF_ERROR(session->logits().status());
  const double read = platform::seconds();
  timing.prefill_ms = (read - start) * 1000;
  const Status status = generate(*session, engine->vocabulary(), o, outcome);
  timing.decode_ms = (platform::seconds() - read) * 1000;
  timing.n_generated = outcome.ids.size();
  if (!status.ok() && status.code() != Code::cancelled) return status;

  if (o.json) {
    if (!status.ok()) outcome.finish = Finish::cancelled;
    SYN_RETURN_IF_ERROR(print_json(outcome, o));
  } else {
    SYN_RETURN_IF_ERROR(put("\n"));
  }
  if (o.verbose) {
    note("seed " + std::to_string(o.sampler.seed) + ", finish: " + std::string(finish_name(outcome.finish)));
    print_timing(timing);
  }
  if (outcome.finish == Finish::cancelled) return fail(Code::cancelled, "interrupted");
  return status;
}

void add_sampling_flags(CLI::App& verb, Options& o) {
  SamplerOptions& s = o.sampler;
  verb.add_option("-s,--seed", o.seed_text, "seed of the choice of tokens (default: -1, a new one each time)")
      ->envname("SYNAPSE_SEED");
  verb.add_option("--temp", s.temperature, "temperature; 0 takes the likeliest token (default: 0.8)")
      ->envname("SYNAPSE_TEMP");
  verb.add_option("--top-k", s.top_k, "choose among the k likeliest; 0: all (default: 40)")->envname("SYNAPSE_TOP_K");
  verb.add_option("--top-p", s.top_p, "among the likeliest that hold this probability; 1: off (default: 0.95)")
      ->envname("SYNAPSE_TOP_P");
  verb.add_option("--min-p", s.min_p, "among those this fraction as likely as the likeliest; 0: off (default: 0.05)")
      ->envname("SYNAPSE_MIN_P");
  verb.add_option("--repeat-penalty", s.repeat_penalty, "makes recent tokens less likely; 1: off (default: 1)")
      ->envname("SYNAPSE_REPEAT_PENALTY");
  verb.add_option("--repeat-last-n", s.repeat_last_n, "tokens that count as recent; 0: none, -1: all (default: 64)")
      ->envname("SYNAPSE_REPEAT_LAST_N");
  verb.add_option("--presence-penalty", s.presence_penalty, "taken once from a recent token's logit (default: 0)")
      ->envname("SYNAPSE_PRESENCE_PENALTY");
  verb.add_option("--frequency-penalty", s.frequency_penalty, "taken for each time it occurred (default: 0)")
      ->envname("SYNAPSE_FREQUENCY_PENALTY");
  verb.add_option("--logit-bias", o.logit_bias, "ID+BIAS or ID-BIAS, added to a token's logit; may be repeated")
      ->allow_extra_args(false);
}

}  // namespace

void add_run(CLI::App& app, Action& action) {
  auto options = std::make_shared<Options>();
  Options& o = *options;
  CLI::App* verb = add_verb<Options>(
      app, action, "run", "Continue a text. Only the continuation goes to stdout, as it comes.",
      "  synapse run -m synapse-story-4m -p \"Once upon a time\" -n 100\n"
      "  synapse run -m model.gguf -f prompt.txt --temp 0 --json\n"
      "  echo \"The sea\" | SYNAPSE_THREADS=1 synapse run -m model.gguf -n 20 --memory-budget 64MiB",
      options, run);
  add_model_flag(*verb, o.flags);
  CLI::Option* prompt = verb->add_option("-p,--prompt", o.prompt, "the text to continue");
  verb->add_option("-f,--file", o.file, "a file that holds it, - for stdin; one final line break is dropped")
      ->excludes(prompt);
  verb->add_option("-n,--predict,--n-predict", o.predict, "most tokens to generate; -1: until an end (default: -1)")
      ->envname("SYNAPSE_PREDICT")
      ->check(CLI::Range(-1, INT32_MAX));
  verb->add_option("-r,--reverse-prompt,--stop", o.stop, "end where this text would appear; may be repeated")
      ->allow_extra_args(false);
  add_sampling_flags(*verb, o);
  add_compute_flags(*verb, o.flags);
  add_context_flags(*verb, o.flags);
  verb->add_flag("--special", o.special, "show special tokens");
  CLI::Option* json = verb->add_flag("--json", o.json, "one JSON object at the end instead of text");
  verb->add_flag("--logprobs", o.logprobs, "with --json: the log probability of every token")->needs(json);
  verb->add_flag("-v,--verbose", o.verbose, "timings on stderr")->envname("SYNAPSE_VERBOSE");
}

}  // namespace synapse::cli
