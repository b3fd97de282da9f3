// synapse render: a conversation through a chat template, to the prompt that a model would be given.
#include <ctime>

#include "engine.h"
#include "input.h"
#include "output.h"
#include "synapse/runtime/template.h"
#include "verbs.h"

namespace synapse::cli {
namespace {

struct RenderOptions {
  Flags flags;
  std::string file, context, now;
};

Result<std::string> template_text(const RenderOptions& o) {
  if (!o.file.empty()) return read_text(o.file);
  SYN_TRY(source, open_source(o.flags.model));
  const MetaValue* text = source->checkpoint().find("tokenizer.chat_template");
  if (!text || !text->as_text()) return fail(Code::not_found, o.flags.model, ": no chat template");
  return std::string(*text->as_text());
}

Result<TemplateClock> clock_of(const std::string& now) {
  if (!now.empty()) return parse_clock(now);
  const std::time_t seconds = std::time(nullptr);
  std::tm t = {};
  localtime_r(&seconds, &t);
  return TemplateClock{t.tm_year + 1900, t.tm_mon + 1, t.tm_mday,
                       t.tm_hour,        t.tm_min,     std::min(t.tm_sec, 59)};
}

Status render(const RenderOptions& o) {
  SYN_TRY(clock, clock_of(o.now));
  SYN_TRY(text, template_text(o));
  SYN_TRY(json, read_text(o.context));
  const std::span<const uint8_t> bytes(reinterpret_cast<const uint8_t*>(json.data()), json.size());
  SYN_TRY(region, Region::make(json_arena_bytes(bytes) + (size_t(512) << 20)));
  Arena& arena = region.arena();
  SYN_TRY(document, parse_json(bytes, arena));
  SYN_TRY(parsed, Template::parse(text, arena));
  SYN_TRY(prompt, parsed->render(document.root(), clock, {}, arena));
  return put(prompt);
}

}  // namespace

void add_render(CLI::App& app, Action& action) {
  auto options = std::make_shared<RenderOptions>();
  RenderOptions& o = *options;
  CLI::App* verb = add_verb<RenderOptions>(
      app, action, "render",
      "Print the prompt that a chat template makes of a conversation, and nothing else.",
      "  synapse render -m model.gguf --context chat.json\n"
      "  synapse render --template chat.jinja --context chat.json --now 2024-07-26T12:00:00",
      options, render);
  CLI::Option* file = verb->add_option("--template", o.file, "a file that holds the template, - for stdin");
  CLI::Option* model = verb->add_option("-m,--model", o.flags.model, "or the model whose template it is")
                           ->envname("SYNAPSE_MODEL")
                           ->excludes(file);
  verb->add_option("--context", o.context,
                   "JSON: an object with messages, tools, add_generation_prompt, bos_token ...; - for stdin")
      ->required();
  verb->add_option("--now", o.now,
                   "the time that the template is told, like 2024-07-26T12:00:00 (default: now)");
  add_isa_flag(*verb, o.flags);
  verb->final_callback([file, model] {
    if (file->count() == 0 && model->count() == 0) throw CLI::RequiredError("--template FILE or -m MODEL");
  });
}

}  // namespace synapse::cli
