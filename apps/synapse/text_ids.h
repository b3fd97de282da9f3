// A text as ids, cut into windows: what imatrix and eval read.
#pragma once
#include "engine.h"
#include "synapse/quant/windows.h"

namespace synapse::cli {

struct TextIds {
  std::vector<int32_t> ids;  // control tokens written in the text are text
  bool adds_bos = false;     // the tokenizer begins with BOS
  int32_t bos_id = -1;

  static Result<TextIds> read(std::string_view text, const Vocabulary& vocabulary);
  // `begin_anew`: its first id is BOS where the tokenizer adds one.
  std::vector<int32_t> window(const Window& w, bool begin_anew) const;
};

// The window, -c or else 512 or the contexts of the models if shorter; becomes the context of both. `other` may be null.
Result<int32_t> use_window(Engine& engine, Engine* other);

}  // namespace synapse::cli
