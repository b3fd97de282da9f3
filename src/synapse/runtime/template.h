// Chat templates: the part of Jinja 2 that models' templates use, as Python renders them with trim_blocks,
// lstrip_blocks and loop controls in an immutable sandbox. Parsed once, rendered any number of times.
// Freestanding: everything lies in the arenas that are passed in, and time, depth and text are bounded, so
// that a template from anywhere ends in a prompt or a Status. What is supported: docs/templates.md.
#pragma once
#include <cstdint>
#include <string_view>

#include "synapse/base/arena.h"
#include "synapse/base/json.h"
#include "synapse/base/status.h"

namespace synapse {

namespace jinja {
struct Program;  // node.h
}

// The time that strftime_now() tells.
struct TemplateClock {
  int32_t year = 1970, month = 1, day = 1;      // month 1 .. 12, day 1 .. 31
  int32_t hour = 0, minute = 0, second = 0;
};

// "2024-07-26T12:00:00", also with a space, also the date alone.
Result<TemplateClock> parse_clock(std::string_view text);

struct TemplateLimits {
  int64_t steps = 1'000'000;  // parts of the template evaluated and pieces of text moved: some 20 ns each
  int64_t steps_per_value = 4'000;    // more of them for each value of the context that the template names
  int32_t depth = 600;                // of evaluation: some 300 bytes of stack each
  size_t text_bytes = size_t(8) << 20;  // of the prompt and of any text on the way to it
};

class Template {
 public:
  // Copies what it needs into `arena`: at most some 200 bytes a byte. Errors name the line.
  static Result<Template*> parse(std::string_view source, Arena& arena);

  // The prompt: a view of `arena`, which also holds all working memory and is for the caller to rewind.
  // `context` is an object: messages, tools, add_generation_prompt, bos_token ... Errors name the line; of a
  // template that raises, its message.
  Result<std::string_view> render(JsonValue context, const TemplateClock& clock, TemplateLimits limits,
                                  Arena& arena) const;

 private:
  friend class TemplateParser;
  const jinja::Program* program_ = nullptr;
};

}  // namespace synapse
