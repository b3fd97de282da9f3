// synapse chat: a conversation, turn by turn, at a terminal or from a script.
#include <unistd.h>

#include <cstdio>

#include "chat_commands.h"
#include "input.h"
#include "line_reader.h"
#include "synapse/runtime/embedder.h"
#include "verbs.h"

namespace synapse::cli {
namespace {

constexpr int32_t kCacheMib = 256;  // of beginnings, where nothing bounds the memory

struct ChatFlags {
  Flags flags;
  SamplingFlags sampling;
  SpeculativeFlags speculative;
  std::optional<int32_t> cache_ram;
  std::optional<std::string> prompt;
  std::string template_file, template_name, system, tools_file, variables, think, when_full = "refuse", load;
  int32_t predict = -1;
  std::vector<std::string> stop;
  bool json = false, special = false, verbose = false;
};

// What is typed or piped: one line is one turn; """ begins and ends a turn of several lines, a \ at the end of a line
// goes on with the next.
class Turns {
 public:
  explicit Turns(bool at_terminal) : reader_(make_line_reader()), at_terminal_(at_terminal) {}

  LineReader::End next(std::string& text) {
    text.clear();
    std::string line;
    bool is_block = false;
    for (std::string prompt = "> ";; prompt = "... ") {
      const LineReader::End end = reader_->read(at_terminal_ ? prompt : "", line);
      if (end == LineReader::End::end_of_input && !text.empty()) break;
      if (end != LineReader::End::line) return end;
      if (!is_block && text.empty() && line.starts_with("\"\"\"")) {
        is_block = true;
        line.erase(0, 3);
      }
      if (is_block && line.ends_with("\"\"\"")) {
        text += line.substr(0, line.size() - 3);
        break;
      }
      const bool goes_on = !is_block && line.ends_with('\\');
      if (goes_on) line.pop_back();
      text += line;
      if (!is_block && !goes_on) break;
      text += '\n';
    }
    if (at_terminal_ && !text.empty()) reader_->remember(text);
    return LineReader::End::line;
  }

 private:
  std::unique_ptr<LineReader> reader_;
  const bool at_terminal_;
};

Result<Json> read_json(const std::string& text, const std::string& what, bool is_right(const Json&), const char* wanted) {
  const Json value = Json::parse(text, nullptr, false);
  if (value.is_discarded() || !is_right(value)) return fail(Code::invalid, what, ": wanted ", wanted);
  return value;
}

Result<ChatTemplate> read_template(const ChatFlags& o, const Source& source) {
  if (!o.template_file.empty()) {
    SYN_TRY(text, read_text(o.template_file));
    return ChatTemplate::parse(text);
  }
  const Result<std::string> text = template_of(source, o.template_name);
  if (!text.ok()) return fail(Code::not_found, text.status().message(), "; --chat-template FILE gives one");
  return ChatTemplate::parse(*text);
}

Status prepare(Conversation& talk, const ChatFlags& o) {
  talk.forgets = o.when_full == "forget";
  if (!o.tools_file.empty()) {
    SYN_TRY(text, read_text(o.tools_file));
    SYN_TRY(tools, read_json(text, o.tools_file, [](const Json& j) { return j.is_array(); }, "a JSON list of tools"));
    talk.tools = std::move(tools);
  }
  if (!o.variables.empty()) {
    SYN_TRY(given, read_json(o.variables, "--chat-template-kwargs", [](const Json& j) { return j.is_object(); }, "a JSON object"));
    talk.variables = std::move(given);
  }
  if (!o.think.empty()) talk.variables["enable_thinking"] = o.think == "on";
  if (!o.load.empty()) SYN_RETURN_IF_ERROR(load_messages(o.load, talk));
  if (!o.system.empty()) talk.set_system(o.system);
  return {};
}

void print_timing(const Turn& t) {
  char line[240];
  std::snprintf(line, sizeof line, "%zu tokens in the context, %zu of them read in %.1f ms; %zu generated in %.1f ms (%.1f tok/s); %s",
                t.n_prompt + t.n_generated, t.n_read, t.prefill_ms, t.n_generated, t.decode_ms,
                t.decode_ms > 0 ? double(t.n_generated) * 1000 / t.decode_ms : 0, std::string(finish_name(t.finish)).c_str());
  note(line);
}

Status print_json(const Turn& t, const Speculation* speculation) {
  Json json = {{"role", "assistant"},
                   {"content", t.text},
                   {"finish", finish_name(t.finish)},
                   {"context_tokens", t.n_prompt + t.n_generated},
                   {"read_tokens", t.n_read},
                   {"generated_tokens", t.n_generated},
                   {"forgotten_messages", t.n_forgotten},
                   {"prefill_ms", t.prefill_ms},
                   {"decode_ms", t.decode_ms}};
  if (speculation) json["speculative"] = speculation->counts();
  return put_json(json);
}

// One reply, shown. On an error what was asked is taken back.
Status answer(Chat& chat, const ChatFlags& o) {
  const std::vector<std::string_view> stop(o.stop.begin(), o.stop.end());
  SamplerOptions sampler = chat.settings.options;
  sampler.seed += chat.n_retries;
  const GenerateOptions options{sampler, chat.predict, chat.engine.vocabulary().end_ids, stop, o.special,
                                chat.speculation ? chat.speculation->speculator() : nullptr};
  watch_interrupts();  // one that came between the turns is not for this one
  Result<Turn> turn = chat.talk.reply(options, size_t(o.flags.batch_size), o.json ? nullptr : put);
  watch_interrupts();  // the next ends the next reply, not the program
  if (!turn.ok()) {
    chat.talk.messages.erase(chat.talk.messages.size() - 1);
    return turn.status();
  }
  chat.last = *turn;
  SYN_RETURN_IF_ERROR(o.json ? print_json(*turn, chat.speculation) : put("\n"));
  if (turn->n_forgotten) note("context: " + std::to_string(turn->n_forgotten) + " of the oldest messages were left out");
  if (turn->finish == Finish::length && chat.predict < 0) note("context: full, the reply ends here");
  if (o.verbose) print_timing(*turn);
  if (o.verbose && chat.speculation) note(chat.speculation->text());
  return {};
}

Status talk(Chat& chat, const ChatFlags& o) {
  const bool at_terminal = isatty(STDIN_FILENO);
  if (o.prompt) {
    chat.talk.messages.push_back({{"role", "user"}, {"content", *o.prompt}});
    return answer(chat, o);
  }
  if (at_terminal) note("/help lists the commands; Ctrl-C ends a reply, Ctrl-D the conversation");
  Turns turns(at_terminal);
  for (std::string text;;) {
    const LineReader::End end = turns.next(text);
    if (end == LineReader::End::end_of_input) break;
    if (end == LineReader::End::interrupted) {
      if (!at_terminal) return fail(Code::cancelled, "interrupted");
      watch_interrupts();
      continue;
    }
    if (text.find_first_not_of(" \t\n") == std::string::npos) continue;
    Status status;
    if (text[0] == '/') {
      const Result<After> after = run_command(chat, text);
      status = after.status();
      if (after.ok() && *after == After::end) break;
      if (after.ok() && *after == After::answer) status = answer(chat, o);
    } else {
      chat.talk.messages.push_back({{"role", "user"}, {"content", text}});
      chat.n_retries = 0;
      status = answer(chat, o);
    }
    if (status.ok()) continue;
    if (!at_terminal) return status;
    note(status.message());
  }
  return {};
}

Status chat(const ChatFlags& o) {
  const bool* interrupted = watch_interrupts();
  std::unique_ptr<Engine> engine;
  {
    Progress progress("loading");
    SYN_TRY(opened, Engine::open(o.flags));
    engine = std::move(opened);
    SYN_RETURN_IF_ERROR(engine->read_vocabulary());
    SYN_RETURN_IF_ERROR(require_model(*engine, false));
    SYN_RETURN_IF_ERROR(check_writes_text(engine->model()));
  }
  SYN_TRY(chat_template, read_template(o, engine->source()));
  SYN_TRY(speculation, Speculation::open(o.speculative, o.flags, *engine));
  const int32_t cache_mib = o.cache_ram ? *o.cache_ram : o.flags.memory_budget.empty() ? kCacheMib : 0;
  engine->add_prefix_cache(size_t(cache_mib) << 20);
  SYN_TRY(session, engine->start(INT32_MAX));
  session->cancel_on(interrupted);
  if (speculation) SYN_RETURN_IF_ERROR(speculation->start(*session, interrupted));
  Conversation conversation(*engine, *session, chat_template);
  SYN_RETURN_IF_ERROR(prepare(conversation, o));
  Chat state{*engine, *session, conversation, o.sampling, {}, o.predict, 0, {}, speculation.get()};
  SYN_RETURN_IF_ERROR(state.choose());
  return talk(state, o);
}

}  // namespace

void add_chat(CLI::App& app, Action& action) {
  auto options = std::make_shared<ChatFlags>();
  ChatFlags& o = *options;
  CLI::App* verb = add_verb<ChatFlags>(
      app, action, "chat", "Talk with a model through its chat template. Replies go to stdout as they come.",
      "  synapse chat -m model.gguf\n"
      "  synapse chat model.gguf \"Why is the sky blue?\" --system \"Answer in one sentence.\"\n"
      "  printf 'Hello\\nAnd then?\\n' | synapse chat -m model.gguf --json --temp 0\n"
      "\nAt the terminal: /help lists the commands, \"\"\" begins and ends a text of several lines, Ctrl-C ends a reply,\n"
      "Ctrl-D the conversation.",
      options, chat);
  add_model_flag(*verb, o.flags);
  verb->add_option("-p,--prompt,PROMPT", o.prompt, "what to say; after the reply the program ends");
  verb->add_option("--system,--system-prompt", o.system, "the system message");
  CLI::Option* file = verb->add_option("--chat-template,--chat-template-file", o.template_file,
                                       "a file with a Jinja template, in place of the model's");
  verb->add_option("--template-name", o.template_name, "of a model with several templates, the one to follow")->excludes(file);
  verb->add_option("--tools", o.tools_file, "a JSON file with the list of tools that the template is told of");
  verb->add_option("--chat-template-kwargs", o.variables, "a JSON object of further variables for the template");
  verb->add_option("--think", o.think, "on or off: sets enable_thinking, which some templates read")->check(CLI::IsMember({"on", "off"}));
  verb->add_option("--when-full", o.when_full,
                   "a conversation longer than the context is refused, or forgets its oldest exchanges (default: refuse)")
      ->envname("SYNAPSE_WHEN_FULL")
      ->check(CLI::IsMember({"refuse", "forget"}));
  verb->add_option("--load", o.load, "a conversation that /save wrote, to go on with");
  verb->add_option("-n,--predict,--n-predict", o.predict, "most tokens of a reply; -1: until its end (default: -1)")
      ->envname("SYNAPSE_PREDICT")
      ->check(CLI::Range(-1, INT32_MAX));
  verb->add_option("-r,--reverse-prompt,--stop", o.stop, "end a reply where this text would appear; may be repeated")
      ->allow_extra_args(false);
  add_sampling_flags(*verb, o.sampling);
  add_speculative_flags(*verb, o.speculative);
  verb->add_option("--cache-ram", o.cache_ram,
                   "-cram: MiB for what earlier turns and conversations computed, which need not be computed again; 0: none (default: "
                   "256, with --memory-budget 0)")
      ->envname("SYNAPSE_CACHE_RAM")
      ->check(CLI::Range(0, 1 << 20));
  add_compute_flags(*verb, o.flags);
  add_context_flags(*verb, o.flags);
  verb->add_flag("--special", o.special, "show special tokens");
  verb->add_flag("--json", o.json, "one JSON object a reply");
  verb->add_flag("-v,--verbose", o.verbose, "timings on stderr")->envname("SYNAPSE_VERBOSE");
}

}  // namespace synapse::cli
