// Speculative decoding (Leviathan et al. 2023) with exact acceptance: something cheap drafts tokens, the model reads them
// in one call, and what stands is the longest beginning that the sampler chooses itself, position by position, from the
// model's own logits. Because a choice follows from the logits, the history and the seed's noise of its position alone
// (docs/sampling.md), the text is what it would be without: only the number of calls differs.
#pragma once
#include "synapse/runtime/session.h"
#include "synapse/runtime/tokenizer.h"

namespace synapse {

inline constexpr int32_t kMostDraft = 64;

// Who drafts.
enum class Drafter : uint8_t {
  model,   // another session, of a smaller model with the same vocabulary
  lookup,  // the text itself: what followed the last time its end stood there (Saxena 2023, prompt lookup)
  early,   // the model's own first layers
};

struct SpeculativeOptions {
  Drafter drafter = Drafter::lookup;
  int32_t draft_max = 8;        // tokens of a draft, 1 to kMostDraft
  int32_t draft_min = 0;        // a shorter draft is not worth a try
  int32_t early_layers = 0;     // of Drafter::early
  int32_t ngram_min = 2;        // of Drafter::lookup: the end of the text that must have stood there before is of this
  int32_t ngram_max = 4;        // many tokens to this many, the more the better
};

// What it came to.
struct SpeculativeCounts {
  int64_t drafted = 0;   // tokens of drafts that the model read
  int64_t accepted = 0;  // of those, chosen
  int64_t tokens = 0;    // chosen in all, less those that the logits of the prompt gave
  int64_t passes = 0;    // calls of the model for them, those that read again what was taken back included
};

// The longest n-gram at the end of `ids` that stood there before, the last time it did, and what followed: the number of
// tokens written to `draft`. Where that reaches the end it goes on with itself.
int32_t draft_by_lookup(std::span<const int32_t> ids, int32_t ngram_min, int32_t ngram_max, std::span<int32_t> draft);

// Both tokenizers must give every id the same meaning. The error names both and what differs.
Status same_vocabulary(std::string_view name_a, const Tokenizer& a, std::string_view name_b, const Tokenizer& b);

class Speculator {
 public:
  // `draft` is a session of its own for Drafter::model, else null. Both sessions outlive this.
  static Result<Speculator> make(Session& target, Session* draft, const SpeculativeOptions& options);

  // Before a generation: nothing that an earlier one chose is given out.
  void begin() { n_picks_ = n_given_ = 0; }
  // As target.next(). Tokens are chosen several at a time, so target.ids() may already hold some more; at most `most` of
  // them, this one included, and none behind one of `end_ids`.
  Result<Pick> next(const SamplerOptions& sampler, std::span<const int32_t> end_ids, int32_t most);
  bool has_next() const { return n_given_ < n_picks_ || !target_->full(); }
  // Takes back what was chosen and not given out by next(). To be called at the end of a generation.
  Status settle();

  const SpeculativeCounts& counts() const { return counts_; }

 private:
  Speculator() = default;
  Result<int32_t> draft(const SamplerOptions& sampler, std::span<int32_t> to);

  Session* target_ = nullptr;
  Session* draft_ = nullptr;
  SpeculativeOptions options_;
  SpeculativeCounts counts_;
  Pick picks_[kMostDraft + 1];
  int32_t n_picks_ = 0, n_given_ = 0;
};

}  // namespace synapse
