// A template's text as tokens: what lies between tags, trimmed as trim_blocks and lstrip_blocks say, and what
// stands inside them.
#pragma once
#include <span>
#include <string_view>

#include "synapse/base/arena.h"
#include "synapse/base/status.h"

namespace synapse::jinja {

enum class Tok : uint8_t {
  data,
  output_begin,
  output_end,
  block_begin,
  block_end,
  name,
  string,
  whole,
  real,
  op,
  end
};

struct Token {
  Tok type;
  uint32_t line;
  std::string_view text;  // of a string: with its quotes, escapes not yet read
};

// The last token is `end`. Tokens and the text they view lie in `arena`.
Result<std::span<const Token>> lex_template(std::string_view source, Arena& arena);

// Of a token, for a message: the end of the template, a name, '%}' ...
std::string_view token_name(const Token& token);

}  // namespace synapse::jinja
