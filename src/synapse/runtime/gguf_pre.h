// What tokenizer.ggml.pre of a GGUF file stands for.
#pragma once
#include <string_view>

#include "synapse/runtime/tokenizer.h"

namespace synapse {

struct GgufPre {
  std::string_view name;
  PreTokenizers pre;
  bool ignore_merges, add_bos;  // the latter where tokenizer.ggml.add_bos_token is missing
};

// The error lists the names.
Result<GgufPre> gguf_pre(std::string_view name);

// The name that says this, or at least these cuts; empty when there is none.
std::string_view gguf_pre_name(const PreTokenizers& pre, bool ignore_merges);

}  // namespace synapse
