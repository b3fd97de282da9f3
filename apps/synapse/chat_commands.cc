#include "chat_commands.h"

#include <algorithm>
#include <cstdio>
#include <sstream>

#include "input.h"

namespace synapse::cli {
namespace {

std::vector<std::string> words_of(const std::string& text) {
  std::istringstream in(text);
  std::vector<std::string> words;
  for (std::string word; in >> word;) words.push_back(word);
  return words;
}

Result<After> help(Chat&, const std::string&);

Result<After> end(Chat&, const std::string&) { return After::end; }

Result<After> set_system(Chat& chat, const std::string& text) {
  chat.talk.set_system(text);
  note(text.empty() ? "no system message" : "the system message is set");
  return After::nothing;
}

Result<After> reset(Chat& chat, const std::string&) {
  const Json& messages = chat.talk.messages;
  const bool has_system = !messages.empty() && messages[0]["role"] == "system";
  chat.talk.messages = has_system ? Json::array({messages[0]}) : Json::array();
  note("the conversation begins anew");
  return After::nothing;
}

Result<After> regenerate(Chat& chat, const std::string&) {
  if (!chat.talk.drop_reply()) return fail(Code::invalid, "/regenerate: there is no reply yet");
  ++chat.n_retries;
  return After::answer;
}

Result<After> save(Chat& chat, const std::string& file) {
  if (file.empty()) return fail(Code::invalid, "/save: wanted the name of a file");
  const Json saved = {{"model", chat.engine.source().path().filename().string()}, {"messages", chat.talk.messages}};
  const std::string text = saved.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
  SYN_TRY(made, platform::NewFile::create(file.c_str()));
  SYN_RETURN_IF_ERROR(made.write({reinterpret_cast<const uint8_t*>(text.data()), text.size()}));
  SYN_RETURN_IF_ERROR(made.finish());
  note(file + ": " + std::to_string(chat.talk.messages.size()) + " messages");
  return After::nothing;
}

Result<After> load(Chat& chat, const std::string& file) {
  if (file.empty()) return fail(Code::invalid, "/load: wanted the name of a file");
  SYN_RETURN_IF_ERROR(load_messages(file, chat.talk));
  note(file + ": " + std::to_string(chat.talk.messages.size()) + " messages");
  return After::nothing;
}

Result<After> stats(Chat& chat, const std::string&) {
  const Turn& t = chat.last;
  char line[300];
  std::snprintf(line, sizeof line,
                "%zu messages; context: %zu of %d tokens, %s; last reply: %zu tokens read in %.1f ms, %zu generated in %.1f ms (%.1f tok/s)",
                chat.talk.messages.size(), chat.session.ids().size(), chat.session.max_seq_len(),
                human_bytes(chat.session.cache_bytes()).c_str(), t.n_read, t.prefill_ms, t.n_generated, t.decode_ms,
                t.decode_ms > 0 ? double(t.n_generated) * 1000 / t.decode_ms : 0);
  note(line);
  if (chat.speculation) note(chat.speculation->text());
  return After::nothing;
}

// The flags of `synapse chat` that a conversation can change on its way: /set temp 0.5, /set --top-k 20.
Result<After> set(Chat& chat, const std::string& text) {
  std::vector<std::string> words = words_of(text);
  if (words.empty()) {
    const Json shown = shown_settings(chat.settings.origins);
    for (const auto& [name, value] : shown.items()) note(name + " " + value.get<std::string>());
    note("think " + chat.talk.variables.value("enable_thinking", Json("as the template likes")).dump() + ", predict " +
         std::to_string(chat.predict) + ", when-full " + (chat.talk.forgets ? "forget" : "refuse"));
    return After::nothing;
  }
  if (!words[0].starts_with('-')) words[0].insert(0, "--");
  CLI::App app("", "/set");
  app.set_help_flag();
  SamplingFlags changed;
  std::string think, when_full;
  int32_t predict = chat.predict;
  add_sampling_flags(app, changed);
  app.add_option("--think", think)->check(CLI::IsMember({"on", "off"}));
  app.add_option("--when-full", when_full)->check(CLI::IsMember({"refuse", "forget"}));
  app.add_option("-n,--predict", predict)->check(CLI::Range(-1, INT32_MAX));
  for (CLI::Option* option : app.get_options()) option->envname("");  // they had their say at the start
  const SamplingFlags before = chat.sampling;
  try {
    std::ranges::reverse(words);
    app.parse(words);
    chat.sampling.change(changed);
    if (const Status status = chat.choose(); !status.ok()) {
      chat.sampling = before;
      return status;
    }
  } catch (const CLI::Error& error) {
    chat.sampling = before;
    return fail(Code::invalid, "/set: ", error.what());
  }
  if (!think.empty()) chat.talk.variables["enable_thinking"] = think == "on";
  if (!when_full.empty()) chat.talk.forgets = when_full == "forget";
  chat.predict = predict;
  return After::nothing;
}

struct Command {
  const char* name;
  const char* arguments;
  const char* about;
  Result<After> (*run)(Chat&, const std::string& arguments);
};
constexpr Command kCommands[] = {
    {"/help", "", "these lines", help},
    {"/system", "[TEXT]", "sets the system message, or takes it away", set_system},
    {"/set", "[NAME VALUE]", "changes temp, top-k, seed, predict, think, when-full ...; alone shows them", set},
    {"/regenerate", "", "another reply in place of the last", regenerate},
    {"/reset", "", "forgets everything but the system message", reset},
    {"/save", "FILE", "writes the messages as JSON", save},
    {"/load", "FILE", "goes on with messages that /save wrote", load},
    {"/stats", "", "tokens, memory and speed so far", stats},
    {"/bye", "", "ends, as Ctrl-D does; /exit and /quit too", end},
};
constexpr const char* kOtherEnds[] = {"/exit", "/quit"};

Result<After> help(Chat&, const std::string&) {
  for (const Command& c : kCommands) {
    char line[160];
    std::snprintf(line, sizeof line, "  %-12s %-14s %s", c.name, c.arguments, c.about);
    note(line);
  }
  note("  \"\"\" begins and ends a text of several lines; a \\ at its end continues a line");
  return After::nothing;
}

}  // namespace

Status Chat::choose() {
  SYN_TRY(chosen, choose_settings(sampling, engine.source().checkpoint(), &engine.vocabulary()));
  SYN_RETURN_IF_ERROR(check(chosen.options, engine.model().config().vocab_size));
  chosen.options.with_logprob = false;
  settings = std::move(chosen);
  return {};
}

Result<After> run_command(Chat& chat, const std::string& line) {
  const size_t space = std::min(line.find_first_of(" \t\n"), line.size());
  const std::string name = line.substr(0, space);
  const size_t begin = std::min(line.find_first_not_of(" \t\n", space), line.size());
  const std::string arguments = line.substr(begin, line.find_last_not_of(" \t\n") + 1 - begin);
  for (const Command& c : kCommands)
    if (name == c.name) return c.run(chat, arguments);
  if (std::ranges::count(kOtherEnds, name)) return After::end;
  std::string known;
  for (const Command& c : kCommands) known += std::string(" ") + c.name;
  return fail(Code::invalid, name, ": no command, there are:", known);
}

Status load_messages(const std::string& file, Conversation& talk) {
  SYN_TRY(text, read_text(file));
  const Json read = Json::parse(text, nullptr, false);
  const Json messages = read.is_object() ? read.value("messages", Json()) : read;
  if (!messages.is_array()) return fail(Code::invalid, file, ": wanted JSON with a list of messages");
  for (size_t i = 0; i < messages.size(); ++i) {
    const Json& m = messages[i];
    if (!m.is_object() || !m.value("role", Json()).is_string() || !m.contains("content"))
      return fail(Code::invalid, file, ": message ", i, ": wanted an object with role and content");
  }
  talk.messages = messages;
  return {};
}

}  // namespace synapse::cli
