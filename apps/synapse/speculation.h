// Speculative decoding from flags: who drafts, and what it came to.
#pragma once
#include "engine.h"
#include "output.h"
#include "synapse/runtime/speculative.h"

namespace synapse::cli {

struct SpeculativeFlags {
  std::string draft_model;  // a file or name; empty: none
  std::string method;       // "draft", "ngram", "early"; empty: none, or "draft" with a draft model
  bool lookup = false;      // the same as "ngram"
  int32_t draft_max = 8, draft_min = 0, early_layers = 0;
};

void add_speculative_flags(CLI::App& verb, SpeculativeFlags& flags);

class Speculation {
 public:
  // After the target's model was built and before its stream is started; null when the flags ask for none. A draft model
  // is loaded on the target's processor, planned for with it, and refused when its vocabulary is another.
  static Result<std::unique_ptr<Speculation>> open(const SpeculativeFlags& flags, const Flags& target_flags, Engine& target);
  // Once the stream is there, which is cancelled as the draft is.
  Status start(Session& target, const bool* interrupted);

  Speculator* speculator() { return &*speculator_; }
  Json counts() const;        // {method, drafted, accepted, acceptance, passes, tokens, tokens_per_pass}
  std::string text() const;   // the same as a line

 private:
  SpeculativeFlags flags_;
  std::string method_;
  std::unique_ptr<Engine> draft_;
  std::optional<Speculator> speculator_;
};

}  // namespace synapse::cli
