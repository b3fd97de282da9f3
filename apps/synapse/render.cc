// synapse render: a conversation through a chat template, to the prompt that a model would be given.
#include "chat_template.h"
#include "engine.h"
#include "input.h"
#include "output.h"
#include "verbs.h"

namespace synapse::cli {
namespace {

struct RenderOptions {
  Flags flags;
  std::string file, context, now;
};

Result<std::string> template_text(const RenderOptions& o) {
  if (!o.file.empty()) return read_text(o.file);
  SYN_TRY(source, open_source(o.flags.model, o.flags.family_dirs));
  return template_of(*source, "");
}

Status render(const RenderOptions& o) {
  SYN_TRY(clock, clock_of(o.now));
  SYN_TRY(text, template_text(o));
  SYN_TRY(context, read_text(o.context));
  SYN_TRY(chat_template, ChatTemplate::parse(text));
  SYN_TRY(prompt, chat_template.render(context, clock));
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
  add_family_flag(*verb, o.flags);
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
