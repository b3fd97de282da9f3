// The chat template of a model or a file, and the prompts it makes.
#pragma once
#include <string>

#include "synapse/import/source.h"
#include "synapse/runtime/template.h"

namespace synapse::cli {

// The model's template of a name ("" is the default one): tokenizer.chat_template or tokenizer.chat_template.NAME.
Result<std::string> template_of(const Source& source, const std::string& name);
// "2024-07-26T12:00:00"; of an empty text the time it is.
Result<TemplateClock> clock_of(const std::string& now);

class ChatTemplate {
 public:
  static Result<ChatTemplate> parse(const std::string& text);
  // `context` is a JSON object: messages, tools, add_generation_prompt, bos_token ...
  Result<std::string> render(std::string_view context, const TemplateClock& clock) const;

 private:
  Region region_;
  const Template* template_ = nullptr;
};

}  // namespace synapse::cli
