// A continuation as text: chooses tokens until an end, shows only what is certain (whole UTF-8 characters, nothing
// that may yet turn out to be a stop string).
#pragma once
#include "synapse/runtime/speculative.h"
#include "synapse/runtime/tokenizer.h"

namespace synapse {

enum class Finish : uint8_t { none, end_token, stop_string, length, cancelled };
std::string_view finish_name(Finish finish);  // "stop", "stop", "length", "cancelled" as APIs call them

struct GenerateOptions {
  SamplerOptions sampler;
  int32_t max_tokens = -1;                        // < 0: until the context is full
  std::span<const int32_t> end_ids;               // any of them ends, and is not shown
  std::span<const std::string_view> stop;         // neither is the stop string
  bool show_special = false;
  Speculator* speculator = nullptr;               // of the session: the same text in fewer calls of the model
};

struct Step {
  std::string_view text;   // to show now; may be empty; valid until the next step
  Pick pick;               // the token; id -1 on the last step of some finishes
  Finish finish = Finish::none;
};

class Generation {
 public:
  // Continues what `session` has read. `arena` keeps the text buffers; stop strings are at most 256 bytes each.
  static Result<Generation*> start(Session& session, const Tokenizer& tokenizer, const GenerateOptions& options,
                                   Arena& arena);
  static size_t arena_bytes(const Tokenizer& tokenizer, const GenerateOptions& options);

  // One token. After a finish other than none there is nothing more to call.
  Result<Step> step();

 private:
  struct Impl;
  explicit Generation(Impl* impl) : impl_(impl) {}
  Impl* impl_;
};

}  // namespace synapse
